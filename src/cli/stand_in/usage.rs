//! Token counts as the API tells them: the input side when an answer begins, everything when it has ended.

use serde_json::{Map, Value, json};

use super::script::Counts;

/// What is only known once the answer has ended.
const KNOWN_LATE: [&str; 3] = ["output_tokens_details", "server_tool_use", "iterations"];

/// What is said once, when the answer begins.
const SAID_ONCE: [&str; 3] = ["cache_creation", "service_tier", "inference_geo"];

/// How many bytes a token has, about.
const BYTES_PER_TOKEN: u64 = 4;

/// The tokens of one answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Usage(Counts);

/// What an answer is made of, for counts that nobody scripted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// How long the request is.
    pub(super) request_bytes: usize,
    /// How long the answer is.
    pub(super) answer_bytes: usize,
    /// The most output tokens the caller allows.
    pub(super) max_tokens: u64,
    /// Whether the model has answered before in the conversation: then its cache is warm.
    pub(super) is_continued: bool,
}

impl Usage {
    /// Exactly the scripted counts. What they leave out of the usual fields is nothing.
    pub(super) fn scripted(counts: &Counts) -> Self {
        let mut usage = counts.clone();
        let number = |counts: &Counts, name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
        if !usage.contains_key("cache_creation") {
            let written = number(&usage, "cache_creation_input_tokens");
            let tiers = json!({"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0});
            usage.insert("cache_creation".to_owned(), tiers);
        }
        let tiers = usage["cache_creation"].as_object().cloned().unwrap_or_default();
        let (short, long) = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens");
        let written = number(&tiers, short).saturating_add(number(&tiers, long));
        let usual = [
            ("input_tokens", json!(0)),
            ("cache_creation_input_tokens", json!(written)),
            ("cache_read_input_tokens", json!(0)),
            ("output_tokens", json!(0)),
            ("service_tier", json!("standard")),
            ("inference_geo", json!("global")),
        ];
        for (name, value) in usual {
            usage.entry(name).or_insert(value);
        }
        Self(usage)
    }

    /// Plausible counts: the sizes in tokens, most of the input written to the cache first and read from it later.
    pub(super) fn estimated(sizes: Sizes) -> Self {
        let input = tokens(sizes.request_bytes);
        let output = tokens(sizes.answer_bytes).min(sizes.max_tokens);
        let cached = input / 10 * 9;
        let (written, read) = if sizes.is_continued { (input / 20, cached) } else { (cached, 0) };
        let counts = [
            ("input_tokens", input - written - read),
            ("cache_creation_input_tokens", written),
            ("cache_read_input_tokens", read),
            ("output_tokens", output),
        ];
        Self::scripted(&counts.map(|(name, count)| (name.to_owned(), json!(count))).into_iter().collect())
    }

    /// Lowers the output to what the caller allowed, and tells whether it had to: no model says more than that.
    pub(super) fn cap(&mut self, max_tokens: u64) -> bool {
        let is_over = self.0["output_tokens"].as_u64().is_some_and(|output| output > max_tokens);
        if is_over {
            self.0.insert("output_tokens".to_owned(), json!(max_tokens));
        }
        is_over
    }

    /// All counts.
    pub(super) fn whole(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// The counts at the start of a stream: the input is final, the output has hardly begun.
    pub(super) fn at_start(&self) -> Value {
        let mut usage = without(&self.0, &KNOWN_LATE);
        let output = self.0["output_tokens"].as_u64().unwrap_or(0);
        usage.insert("output_tokens".to_owned(), json!(output.min(1)));
        Value::Object(usage)
    }

    /// The counts at the end of a stream: cumulative, so the input is there again.
    pub(super) fn at_end(&self) -> Value {
        Value::Object(without(&self.0, &SAID_ONCE))
    }
}

/// About how many tokens `bytes` bytes are.
pub(super) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN)
}

fn without(counts: &Counts, names: &[&str]) -> Map<String, Value> {
    let kept = counts.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripted(counts: &Value) -> Usage {
        Usage::scripted(counts.as_object().unwrap())
    }

    #[test]
    fn the_input_is_told_first_and_the_output_last() {
        let usage = scripted(&json!({
            "input_tokens": 3, "output_tokens": 500, "cache_creation_input_tokens": 20, "speed": "fast",
            "iterations": [{"type": "message", "output_tokens": 500}],
        }));
        let start = usage.at_start();
        assert_eq!((&start["input_tokens"], &start["output_tokens"]), (&json!(3), &json!(1)));
        assert_eq!(start["cache_creation"], json!({"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0}));
        assert_eq!(start.get("iterations"), None);
        let end = usage.at_end();
        assert_eq!((&end["input_tokens"], &end["output_tokens"]), (&json!(3), &json!(500)));
        assert_eq!((&end["speed"], &end["iterations"][0]["output_tokens"]), (&json!("fast"), &json!(500)));
        assert_eq!(end.get("service_tier"), None);
    }

    #[test]
    fn cache_writes_add_up_from_their_tiers() {
        let tiers = json!({"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 7});
        let usage = scripted(&json!({"cache_creation": tiers}));
        assert_eq!(usage.whole()["cache_creation_input_tokens"], 12);
    }

    #[test]
    fn no_answer_is_longer_than_allowed() {
        let mut usage = scripted(&json!({"output_tokens": 500}));
        assert!(!usage.cap(500));
        assert!(usage.cap(100));
        assert_eq!(usage.at_end()["output_tokens"], 100);
    }

    #[test]
    fn estimates_cover_the_whole_input() {
        for is_continued in [false, true] {
            let usage =
                Usage::estimated(Sizes { request_bytes: 4003, answer_bytes: 9, max_tokens: 2, is_continued }).whole();
            let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
            assert_eq!(input.iter().map(|name| usage[name].as_u64().unwrap()).sum::<u64>(), 1001);
            assert_eq!(usage["output_tokens"], 2);
        }
    }
}
