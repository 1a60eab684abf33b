//! A tenant's list of models, which holds for every call its sandboxes make.

use crate::gateway::price::PriceTable;
use crate::gateway::reply::Refusal;

/// The CLI's names for its newest model of a family: in a list they stand for the family.
const FAMILIES: [&str; 4] = ["fable", "haiku", "opus", "sonnet"];

/// Refuses a call of `model` when it is not in the tenant's list. Names are compared as the price table knows them, so that
/// a date, an alias or the mark of the long context window makes no difference.
pub(in crate::gateway) fn check_model(
    model: &str,
    allowed: Option<&[String]>,
    prices: &PriceTable,
) -> Result<(), Refusal> {
    let Some(allowed) = allowed else { return Ok(()) };
    let id = prices.canonical(model).unwrap_or(model);
    let admits = |entry: &String| {
        let family = FAMILIES.contains(&entry.as_str()) && id.starts_with(&format!("claude-{entry}-"));
        family || prices.canonical(entry).unwrap_or(entry) == id
    };
    if allowed.iter().any(admits) { Ok(()) } else { Err(Refusal::model_not_allowed(model, allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::price_file;

    #[test]
    fn a_model_is_in_a_list_by_any_of_its_names() {
        let prices = price_file::built_in().unwrap();
        let verdict = |model: &str, allowed: &[&str]| {
            let allowed: Vec<_> = allowed.iter().map(|model| (*model).to_owned()).collect();
            check_model(model, Some(&allowed), &prices).is_ok()
        };
        assert!(check_model("claude-opus-5-5", None, &prices).is_ok());
        for model in
            ["claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-haiku-4-5[1m]", "claude-haiku-4-5-20991231[1m]"]
        {
            assert!(verdict(model, &["claude-haiku-4-5-20251001"]), "{model}");
            assert!(verdict(model, &["other", "haiku"]), "{model}");
            assert!(!verdict(model, &["claude-haiku-5-5", "opus"]), "{model}");
            assert!(!verdict(model, &[]), "{model}");
        }
        assert!(verdict("claude-mythos-5-2", &["claude-fable-5-2"]));
        assert!(verdict("without-a-price", &["without-a-price"]));
        assert!(!verdict("haiku", &["claude-haiku-4-5"]));
    }
}
