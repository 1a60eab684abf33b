//! The price file: read strictly, because a typing error in it is money.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use super::price::{ModelLimits, ModelPrice, Price, PriceTable, Tier};
use super::price_modifiers::FACTOR_UNIT;
use crate::domain::Timestamp;

/// The prices innkeeper was built with.
const BUILT_IN: &str = include_str!("../../config/prices.toml");

/// Decimals a price may have: more would not be a whole number of pico-dollars per token.
const MAX_DECIMALS: u32 = 6;

/// The most a million tokens, or a thousand searches, may cost, in dollars: beyond it there is a typing error.
const MAX_DOLLARS: u64 = 100_000;

/// The limits of a model that names none.
const LIMITS: ModelLimits = ModelLimits { context: 1_000_000, max_output: 128_000, max_image: 4_784 };

/// The largest limit of a model, in tokens.
const MAX_LIMIT: u64 = 100_000_000;

/// The factor for serving from the US alone, when the file names none.
const US_GEO: &str = "1.1";

/// Prices that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The file cannot be read.
    #[error("cannot read the price file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, lacks a key, or has one that is not known.
    #[error("the price file cannot be used: {0}")]
    Shape(toml::de::Error),
    /// A field outside the models cannot be used.
    #[error("the price file's `{field}` {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A field of a model cannot be used.
    #[error("the price file's model `{model}`: `{field}` {problem}")]
    Model {
        /// The model.
        model: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A table that is loaded in a running server has the version of the one in force and other contents.
    #[error(
        "the price file still has the version `{version}` but is not the same any more: give it a new `version`, \
         because every row of the ledger names the one it was priced with"
    )]
    SameVersion {
        /// The version.
        version: String,
    },
    /// A model of the table in force is not in the one that is loaded.
    #[error(
        "the price file lacks the model `{model}`, which has a price now: its `id` or `aliases` must stay, unless the \
         reload is forced or the server started again"
    )]
    Vanishes {
        /// The model.
        model: String,
    },
    /// A price is less than half of the one in force.
    #[error(
        "the price file's {what} falls from {old} to {new}, by more than half: if that is meant, force the reload or \
         start the server again"
    )]
    Falls {
        /// The model and the field.
        what: String,
        /// The price in force, in dollars as the file has it.
        old: String,
        /// The price in the file.
        new: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    version: String,
    effective: String,
    web_search_per_1k: String,
    us_geo: Option<String>,
    #[serde(rename = "model")]
    models: Vec<ModelShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelShape {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    context_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    max_image_tokens: Option<u64>,
    #[serde(rename = "tier")]
    tiers: Vec<TierShape>,
    fast: Option<TierShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierShape {
    #[serde(default)]
    above_prompt_tokens: u64,
    input: String,
    output: String,
    cache_write_5m: String,
    cache_write_1h: String,
    cache_read: String,
}

/// Reads the prices in the file at `path`.
pub(super) fn load(path: &Path) -> Result<PriceTable, PriceError> {
    let text = std::fs::read_to_string(path).map_err(|source| PriceError::Read { path: path.to_owned(), source })?;
    parse(&text)
}

/// The prices innkeeper was built with.
pub(super) fn built_in() -> Result<PriceTable, PriceError> {
    parse(BUILT_IN)
}

/// Reads prices from a file's text.
pub(super) fn parse(text: &str) -> Result<PriceTable, PriceError> {
    let file: FileShape = toml::from_str(text).map_err(PriceError::Shape)?;
    let top = |field| move |problem| PriceError::Field { field, problem };
    if file.version.trim().is_empty() {
        return Err(top("version")("is empty"));
    }
    if file.models.is_empty() {
        return Err(top("model")("is empty: no call could be priced"));
    }
    let effective: jiff::Timestamp =
        file.effective.parse().map_err(|_| top("effective")("is not a time like 2026-11-22T00:00:00Z"))?;
    let (mut models, mut names) = (Vec::new(), HashMap::new());
    for shape in file.models {
        let (tiers, limits) = (shape.tiers()?, shape.limits()?);
        let fast = shape.fast(&tiers)?;
        for name in std::iter::once(&shape.id).chain(&shape.aliases) {
            if names.insert(name.clone(), models.len()).is_some() {
                let field = if *name == shape.id { "id" } else { "aliases" };
                return Err(PriceError::Model { model: name.clone(), field, problem: "is there twice" });
            }
        }
        models.push(ModelPrice { id: shape.id, aliases: shape.aliases, tiers, fast, limits });
    }
    Ok(PriceTable {
        version: file.version,
        effective: Timestamp::from_micros(effective.as_microsecond()),
        web_search: scaled(&file.web_search_per_1k, 1_000_000_000).map_err(top("web_search_per_1k"))?,
        us_geo: factor(file.us_geo.as_deref().unwrap_or(US_GEO)).map_err(top("us_geo"))?,
        models,
        names,
    })
}

impl ModelShape {
    fn tiers(&self) -> Result<Vec<Tier>, PriceError> {
        let refused = |field, problem| PriceError::Model { model: self.id.clone(), field, problem };
        if self.tiers.first().is_none_or(|tier| tier.above_prompt_tokens != 0) {
            return Err(refused("tier", "must begin with a tier for every prompt, without `above_prompt_tokens`"));
        }
        if !self.tiers.is_sorted_by(|lower, upper| lower.above_prompt_tokens < upper.above_prompt_tokens) {
            return Err(refused("above_prompt_tokens", "must rise from tier to tier"));
        }
        let tiers = self.tiers.iter().map(|tier| {
            let price = tier.price().map_err(|(field, problem)| refused(field, problem))?;
            Ok(Tier { above_prompt_tokens: tier.above_prompt_tokens, price })
        });
        let tiers: Vec<_> = tiers.collect::<Result<_, _>>()?;
        // What is held for a call is reckoned from the longest prompt it may have, which must be the dearest.
        if !tiers.is_sorted_by(|lower, upper| lower.price.dearer(upper.price) == upper.price) {
            return Err(refused("tier", "is cheaper for longer prompts, so that a call could cost more than is held"));
        }
        Ok(tiers)
    }

    /// The price of fast mode, which must not be below the standard one.
    fn fast(&self, tiers: &[Tier]) -> Result<Option<Price>, PriceError> {
        let refused = |field, problem| PriceError::Model { model: self.id.clone(), field, problem };
        let Some(shape) = &self.fast else { return Ok(None) };
        if shape.above_prompt_tokens != 0 {
            return Err(refused("fast", "has one price for every prompt: remove its `above_prompt_tokens`"));
        }
        let price = shape.price().map_err(|(field, problem)| refused(field, problem))?;
        if tiers.iter().any(|tier| tier.price.dearer(price) != price) {
            return Err(refused("fast", "is cheaper than the standard price"));
        }
        Ok(Some(price))
    }

    fn limits(&self) -> Result<ModelLimits, PriceError> {
        let limit = |field, value: Option<u64>, default| match value.unwrap_or(default) {
            limit @ 1..=MAX_LIMIT => Ok(limit),
            _ => Err(PriceError::Model {
                model: self.id.clone(),
                field,
                problem: "must be a number of tokens from 1 to 100000000",
            }),
        };
        Ok(ModelLimits {
            context: limit("context_tokens", self.context_tokens, LIMITS.context)?,
            max_output: limit("max_output_tokens", self.max_output_tokens, LIMITS.max_output)?,
            max_image: limit("max_image_tokens", self.max_image_tokens, LIMITS.max_image)?,
        })
    }
}

impl TierShape {
    fn price(&self) -> Result<Price, (&'static str, &'static str)> {
        let read = |field, text: &str| scaled(text, 1_000_000).map_err(|problem| (field, problem));
        let price = Price {
            input: read("input", &self.input)?,
            output: read("output", &self.output)?,
            cache_write_5m: read("cache_write_5m", &self.cache_write_5m)?,
            cache_write_1h: read("cache_write_1h", &self.cache_write_1h)?,
            cache_read: read("cache_read", &self.cache_read)?,
        };
        if price.cache_read > price.input {
            return Err(("cache_read", "is dearer than `input`"));
        }
        if price.cache_write_5m < price.input {
            return Err(("cache_write_5m", "is cheaper than `input`"));
        }
        if price.cache_write_1h < price.input {
            return Err(("cache_write_1h", "is cheaper than `input`"));
        }
        Ok(price)
    }
}

/// An amount of dollars as a whole number of `per_dollar`ths of it, which must be a multiple of a million.
fn scaled(dollars: &str, per_dollar: u64) -> Result<u64, &'static str> {
    let amount = Decimal::from_str_exact(dollars).map_err(|_| "is not a decimal number")?;
    if amount <= Decimal::ZERO {
        return Err("must be more than 0");
    }
    if amount.normalize().scale() > MAX_DECIMALS {
        return Err("has more than 6 decimals");
    }
    if amount > Decimal::from(MAX_DOLLARS) {
        return Err("is too much");
    }
    let whole = amount.checked_mul(Decimal::from(per_dollar)).and_then(|product| product.to_u64());
    whole.ok_or("is too much")
}

/// A factor on prices in millionths, from 1 to 100.
fn factor(text: &str) -> Result<u64, &'static str> {
    let factor = scaled(text, FACTOR_UNIT)?;
    if (FACTOR_UNIT..=100 * FACTOR_UNIT).contains(&factor) { Ok(factor) } else { Err("must be from 1 to 100") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = '1'\neffective = '2026-01-01T00:00:00Z'\nweb_search_per_1k = '10'\n";
    const MODEL: &str = "[[model]]\nid = 'opus'\naliases = ['big']\n";
    const TIER: &str = "[[model.tier]]\ninput = '4'\noutput = '20'\ncache_write_5m = '5'\ncache_write_1h = '8'\n\
        cache_read = '0.2'\n";

    fn refusal(text: &str) -> String {
        parse(text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_prices_can_be_used() {
        let table = built_in().unwrap();
        assert_eq!(table.version, "2026-11-30");
        assert_eq!(table.web_search, 10_000_000_000);
        for model in ["claude-fable-5-2", "claude-opus-5-5", "claude-opus-4-6", "claude-sonnet-5-5", "claude-haiku-5-5"]
        {
            assert!(table.knows(model), "{model} has no price");
        }
    }

    #[test]
    fn a_price_that_cannot_be_meant_is_refused_by_model_and_field() {
        for (good, bad, field, problem) in [
            ("'4'", "'0'", "input", "more than 0"),
            ("'20'", "'-20'", "output", "more than 0"),
            ("'5'", "'3.99'", "cache_write_5m", "cheaper"),
            ("'8'", "'3'", "cache_write_1h", "cheaper"),
            ("'0.2'", "'4.1'", "cache_read", "dearer"),
            ("'0.2'", "'0.2000001'", "cache_read", "6 decimals"),
            ("'20'", "'1e3'", "output", "not a decimal"),
            ("'20'", "'99999999999999999'", "output", "too much"),
        ] {
            let error = refusal(&format!("{HEAD}{MODEL}{}", TIER.replace(good, bad)));
            assert!(error.contains("`opus`"), "{error}");
            assert!(error.contains(&format!("`{field}`")) && error.contains(problem), "{bad}: {error}");
        }
    }

    #[test]
    fn keys_are_known_and_complete() {
        assert!(refusal(&format!("{HEAD}{MODEL}{TIER}cache_reed = '1'\n")).contains("cache_reed"));
        assert!(refusal(&format!("{HEAD}{MODEL}{}", TIER.replace("output = '20'\n", ""))).contains("output"));
        assert!(refusal(&format!("{HEAD}{MODEL}{}", TIER.replace("'4'", "4"))).contains("input = 4"));
    }

    #[test]
    fn a_name_is_there_once() {
        for twice in
            ["[[model]]\nid = 'opus'\n", "[[model]]\nid = 'big'\n", "[[model]]\nid = 'x'\naliases = ['opus']\n"]
        {
            let error = refusal(&format!("{HEAD}{MODEL}{TIER}{twice}{TIER}"));
            assert!(error.contains("twice"), "{error}");
        }
    }

    #[test]
    fn tiers_rise_from_nothing() {
        let tier = |above: u64| format!("{TIER}above_prompt_tokens = {above}\n");
        for (tiers, field) in [
            (tier(5), "tier"),
            (format!("{TIER}{TIER}"), "above_prompt_tokens"),
            (format!("{}{}{}", tier(0), tier(9), tier(8)), "above_prompt_tokens"),
        ] {
            let error = refusal(&format!("{HEAD}{MODEL}{tiers}"));
            assert!(error.contains("`opus`") && error.contains(&format!("`{field}`")), "{error}");
        }
        assert!(parse(&format!("{HEAD}{MODEL}{}{}", tier(0), tier(9))).is_ok());
        let cheaper = tier(9).replace("'20'", "'19'");
        assert!(refusal(&format!("{HEAD}{MODEL}{}{cheaper}", tier(0))).contains("cheaper for longer prompts"));
    }

    #[test]
    fn the_head_is_complete() {
        let rest = format!("{MODEL}{TIER}");
        assert!(refusal(&format!("{}{rest}", HEAD.replace("'1'", "' '"))).contains("`version`"));
        assert!(refusal(&format!("{}{rest}", HEAD.replace("T00:00:00Z", ""))).contains("`effective`"));
        assert!(refusal(&format!("{}{rest}", HEAD.replace("'10'", "'0'"))).contains("`web_search_per_1k`"));
        assert!(refusal(&format!("{HEAD}model = []")).contains("`model`"));
    }

    #[test]
    fn limits_of_a_model_have_defaults_and_bounds() {
        let limits = |lines: &str| parse(&format!("{HEAD}{MODEL}{lines}{TIER}")).map(|table| table.models[0].limits);
        assert_eq!(limits("").unwrap(), LIMITS);
        let named = ModelLimits { context: 9, max_output: 8, max_image: 7 };
        assert_eq!(limits("context_tokens = 9\nmax_output_tokens = 8\nmax_image_tokens = 7\n").unwrap(), named);
        for (line, field) in [
            ("context_tokens = 0\n", "`context_tokens`"),
            ("max_output_tokens = 100000001\n", "`max_output_tokens`"),
            ("max_image_tokens = -1\n", "max_image_tokens"),
        ] {
            let error = limits(line).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn modifiers_never_make_a_call_cheaper() {
        let fast = TIER.replace("[[model.tier]]", "[model.fast]");
        let table = |fast: &str| parse(&format!("{HEAD}{MODEL}{TIER}{fast}"));
        assert_eq!(table("").unwrap().models[0].fast, None);
        assert_eq!(table(&fast).unwrap().models[0].fast.unwrap().output, 20_000_000);
        for (bad, words) in [
            (fast.replace("'20'", "'19'"), "`fast` is cheaper"),
            (fast.replace("'20'", "'0'"), "`output` must be more than 0"),
            (format!("{fast}above_prompt_tokens = 5\n"), "one price for every prompt"),
        ] {
            let error = table(&bad).unwrap_err().to_string();
            assert!(error.contains("`opus`") && error.contains(words), "{error}");
        }
        let rest = format!("{MODEL}{TIER}");
        assert_eq!(parse(&format!("{HEAD}{rest}")).unwrap().us_geo, 1_100_000);
        assert_eq!(parse(&format!("{HEAD}us_geo = '1.25'\n{rest}")).unwrap().us_geo, 1_250_000);
        for bad in ["0.9", "101", "much"] {
            assert!(refusal(&format!("{HEAD}us_geo = '{bad}'\n{rest}")).contains("`us_geo`"));
        }
    }
}
