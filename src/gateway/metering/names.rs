//! The one name of the model that answered, whatever the answer calls it.

use crate::gateway::price::PriceTable;

/// Names that are longer are not looked at.
const MAX_NAME_BYTES: usize = 200;

/// The name in the price table of the model that an answer calls `name`; `None` if it has no price. Clouds put a region and a
/// vendor before a model's name and a date or version behind it, and write it in capitals: all of these are the same model.
/// A name with another ending is not: a newer model's name often begins like an older one's.
pub(super) fn canonical<'a>(name: &str, prices: &'a PriceTable) -> Option<&'a str> {
    if let Some(id) = prices.canonical(name) {
        return Some(id);
    }
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let lower = name.trim().to_ascii_lowercase();
    let starts = lower.char_indices().filter(|(_, char)| matches!(char, '.' | '/')).map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).find_map(|start| without_ending(&lower[start..], prices))
}

fn without_ending<'a>(mut name: &str, prices: &'a PriceTable) -> Option<&'a str> {
    loop {
        match prices.canonical(name) {
            Some(id) => return Some(id),
            None => name = shorter(name)?,
        }
    }
}

/// `name` without one of the endings that are no part of a model's name.
fn shorter(name: &str) -> Option<&str> {
    if name.ends_with(']') {
        return name.rsplit_once('[').map(|(name, _)| name);
    }
    if let Some((name, _)) = name.rsplit_once(['@', ':']) {
        return Some(name);
    }
    let (shorter, ending) = name.rsplit_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = ending.len() == 8 && digits(ending);
    let is_version = ending.strip_prefix('v').is_some_and(digits);
    (is_date || is_version || ending == "latest").then_some(shorter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::price_file;

    #[test]
    fn a_model_has_one_name_whatever_it_is_called() {
        let table = price_file::built_in().unwrap();
        for name in [
            "claude-opus-5-5",
            "Claude-Opus-5-5",
            " claude-opus-5-5 ",
            "claude-opus-5-5[1m]",
            "claude-opus-5-5-20261101",
            "claude-opus-5-5-99999999",
            "claude-opus-5-5@20261101",
            "claude-opus-5-5-latest",
            "claude-opus-5-5:thinking",
            "anthropic.claude-opus-5-5-v1:0",
            "us.anthropic.claude-opus-5-5-20261101-v1:0",
            "anthropic/CLAUDE-OPUS-5-5",
            "publishers/anthropic/models/claude-opus-5-5@latest",
        ] {
            assert_eq!(canonical(name, &table), Some("claude-opus-5-5"), "{name}");
        }
        assert_eq!(canonical("claude-mythos-5-1", &table), Some("claude-fable-5-1"));
        let endless = "claude-opus-5-5.".repeat(10_000);
        for name in ["", ".", "claude", "claude-opus-5-6", "claude-opus-5-5-mini", "gpt-5", "v1", endless.as_str()] {
            assert_eq!(canonical(name, &table), None, "{name}");
        }
    }
}
