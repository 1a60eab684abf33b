//! Whether one price table may take the place of another while calls run: a typing error there is not seen by anybody.

use std::collections::BTreeSet;

use super::PriceError;
use super::price::{ModelPrice, Price, PriceTable};
use super::price_list::{per_1k_searches, per_million_tokens};

/// A class of tokens as the file names it, and its price.
type Class = (&'static str, fn(&Price) -> u64);

const CLASSES: [Class; 5] = [
    ("input", |price| price.input),
    ("output", |price| price.output),
    ("cache_write_5m", |price| price.cache_write_5m),
    ("cache_write_1h", |price| price.cache_write_1h),
    ("cache_read", |price| price.cache_read),
];

/// Checks that `new` may follow `old`. With `force` it may also lack models, and be cheaper by more than half; a version
/// never stands for two tables.
///
/// # Errors
/// When it may not.
pub(super) fn check(old: &PriceTable, new: &PriceTable, force: bool) -> Result<(), PriceError> {
    if old.version == new.version && old != new {
        return Err(PriceError::SameVersion { version: new.version.clone() });
    }
    if force {
        return Ok(());
    }
    if falls(old.web_search, new.web_search) {
        return Err(PriceError::Falls {
            what: "`web_search_per_1k`".to_owned(),
            old: per_1k_searches(old.web_search),
            new: per_1k_searches(new.web_search),
        });
    }
    for model in &old.models {
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            let found = new.find(name).ok_or_else(|| PriceError::Vanishes { model: name.clone() })?;
            compare(name, model, found)?;
            compare_fast(name, model, found)?;
        }
    }
    Ok(())
}

/// Compares the prices of the model `name`: the tiers may be other ones, so at the start of each of either table.
fn compare(name: &str, old: &ModelPrice, new: &ModelPrice) -> Result<(), PriceError> {
    let bounds: BTreeSet<_> = old.tiers.iter().chain(&new.tiers).map(|tier| tier.above_prompt_tokens).collect();
    for bound in bounds {
        let prompt = bound.saturating_add(1);
        let (old, new) = (old.at(prompt), new.at(prompt));
        for (field, of) in CLASSES {
            if falls(of(&old), of(&new)) {
                let tier = if bound == 0 { String::new() } else { format!(" above {bound} prompt tokens") };
                return Err(PriceError::Falls {
                    what: format!("model `{name}`: `{field}`{tier}"),
                    old: per_million_tokens(of(&old)),
                    new: per_million_tokens(of(&new)),
                });
            }
        }
    }
    Ok(())
}

/// Compares the prices of the model `name` in fast mode. One that is not listed any more makes it cost more, not less.
fn compare_fast(name: &str, old: &ModelPrice, new: &ModelPrice) -> Result<(), PriceError> {
    let (Some(old), Some(new)) = (old.fast, new.fast) else { return Ok(()) };
    match CLASSES.iter().find(|(_, of)| falls(of(&old), of(&new))) {
        Some((field, of)) => Err(PriceError::Falls {
            what: format!("model `{name}`: `{field}` in fast mode"),
            old: per_million_tokens(of(&old)),
            new: per_million_tokens(of(&new)),
        }),
        None => Ok(()),
    }
}

/// Whether a price falls by more than half.
fn falls(old: u64, new: u64) -> bool {
    new < old.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::price_file;

    const TABLE: &str = "version = '1'\neffective = '2026-01-01T00:00:00Z'\nweb_search_per_1k = '10'\n\
        [[model]]\nid = 'opus'\naliases = ['big']\n\
        [[model.tier]]\ninput = '4'\noutput = '20'\ncache_write_5m = '5'\ncache_write_1h = '8'\ncache_read = '0.2'\n\
        [[model.tier]]\nabove_prompt_tokens = 9\n\
        input = '6'\noutput = '30'\ncache_write_5m = '7'\ncache_write_1h = '12'\ncache_read = '0.5'\n";

    /// The table as version 2, with `change` made to it.
    fn changed(change: (&str, &str)) -> String {
        assert!(TABLE.contains(change.0), "{change:?}");
        TABLE.replace("version = '1'", "version = '2'").replacen(change.0, change.1, 1)
    }

    fn verdict(text: &str, force: bool) -> Result<(), String> {
        let (old, new) = (price_file::parse(TABLE).unwrap(), price_file::parse(text).unwrap());
        check(&old, &new, force).map_err(|error| error.to_string())
    }

    #[test]
    fn a_price_may_rise_and_may_fall_by_half() {
        for change in [("'20'", "'10'"), ("'30'", "'3000'"), ("'0.2'", "'0.1'"), ("per_1k = '10'", "per_1k = '5'")] {
            assert_eq!(verdict(&changed(change), false), Ok(()), "{change:?}");
        }
    }

    #[test]
    fn a_price_that_falls_by_more_than_half_is_refused_by_model_and_field() {
        for (change, words) in [
            (("'20'", "'9.999999'"), "model `opus`: `output` falls from 20 to 9.999999"),
            (("'8'", "'4'"), ""),
            (("'12'", "'8'"), ""),
            (("'0.5'", "'0.2'"), "model `opus`: `cache_read` above 9 prompt tokens falls from 0.5 to 0.2"),
            (("per_1k = '10'", "per_1k = '1'"), "`web_search_per_1k` falls from 10 to 1,"),
        ] {
            let text = changed(change);
            match verdict(&text, false) {
                Ok(()) => assert_eq!(words, "", "{change:?}"),
                Err(error) => assert!(!words.is_empty() && error.contains(words), "{error}"),
            }
            assert_eq!(verdict(&text, true), Ok(()), "{change:?}");
        }
    }

    #[test]
    fn tiers_are_compared_where_they_hold() {
        // Long prompts lose their dear tier and cost what short ones do, which is at least half of what they did.
        let (first, _) = TABLE.split_once("[[model.tier]]\nabove").unwrap();
        let one_tier = first.replace("version = '1'", "version = '2'").replace("'0.2'", "'0.3'");
        assert_eq!(verdict(&one_tier, false), Ok(()));
        let error = verdict(&one_tier.replace("'20'", "'14'"), false).unwrap_err();
        assert!(error.contains("`output` above 9 prompt tokens falls from 30 to 14"), "{error}");
    }

    #[test]
    fn a_model_that_vanishes_is_refused_by_name() {
        for (change, name) in [(("id = 'opus'", "id = 'sonnet'"), "`opus`"), (("['big']", "[]"), "`big`")] {
            let text = changed(change);
            let error = verdict(&text, false).unwrap_err();
            assert!(error.contains("lacks the model") && error.contains(name), "{error}");
            assert_eq!(verdict(&text, true), Ok(()));
        }
    }

    #[test]
    fn a_version_never_stands_for_two_tables() {
        assert_eq!(verdict(TABLE, false), Ok(()));
        for change in [("'20'", "'21'"), ("['big']", "['big', 'bigger']"), ("2026-01", "2026-02")] {
            for force in [false, true] {
                let error = verdict(&TABLE.replacen(change.0, change.1, 1), force).unwrap_err();
                assert!(error.contains("version `1`"), "{error}");
            }
        }
    }
}
