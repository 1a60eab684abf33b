//! The provider's report of what a call used, and how several reports of one call are read as one.

use serde::Deserialize;

use crate::domain::Usage;

/// A `usage` object. Every field may be missing, and a later report of the same call replaces what it names.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Report {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    server_tool_use: Option<ServerToolUse>,
    /// The model of an iteration that another model than the answer's ran.
    model: Option<String>,
    /// The call step by step. What the steps say is paid; the fields above leave some steps out.
    iterations: Option<Vec<Report>>,
}

/// `cache_creation_input_tokens` by how long they are kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

/// Tools the provider ran.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct ServerToolUse {
    web_search_requests: Option<u64>,
}

impl Report {
    /// Takes over what a later report of the same call says: field by field, and nothing is added up.
    pub(super) fn update(&mut self, later: Self) {
        replace(&mut self.input_tokens, later.input_tokens);
        replace(&mut self.output_tokens, later.output_tokens);
        replace(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        replace(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        if let Some(later) = later.cache_creation {
            let kept = self.cache_creation.get_or_insert_default();
            replace(&mut kept.ephemeral_5m_input_tokens, later.ephemeral_5m_input_tokens);
            replace(&mut kept.ephemeral_1h_input_tokens, later.ephemeral_1h_input_tokens);
        }
        if let Some(later) = later.server_tool_use {
            let kept = self.server_tool_use.get_or_insert_default();
            replace(&mut kept.web_search_requests, later.web_search_requests);
        }
        if later.iterations.as_ref().is_some_and(|iterations| !iterations.is_empty()) {
            self.iterations = later.iterations;
        }
    }

    /// Whether it says how much was put out.
    pub(super) fn tells_output(&self) -> bool {
        self.output_tokens.is_some()
    }

    /// What is to be paid, in parts by model. There is at least one part; `serving` is the model of the answer.
    pub(super) fn parts(&self, serving: &str) -> Vec<(String, Usage)> {
        let iterations = self.iterations.as_deref().unwrap_or_default();
        let part = |step: &Self| (step.model.clone().unwrap_or_else(|| serving.to_owned()), step.usage());
        let mut parts: Vec<_> = iterations.iter().map(part).collect();
        let searched_in_steps: u64 = parts.iter().map(|(_, usage)| usage.web_search_requests).sum();
        match parts.first_mut() {
            // The searches are told for the whole call; a step need not repeat them.
            Some((_, first)) => {
                let untold = self.usage().web_search_requests.saturating_sub(searched_in_steps);
                first.web_search_requests = first.web_search_requests.saturating_add(untold);
            }
            None => parts.push((serving.to_owned(), self.usage())),
        }
        parts
    }

    fn usage(&self) -> Usage {
        let created = self.cache_creation.unwrap_or_default();
        let short = created.ephemeral_5m_input_tokens.unwrap_or(0);
        let long = created.ephemeral_1h_input_tokens.unwrap_or(0);
        let told = short.saturating_add(long);
        let untold = self.cache_creation_input_tokens.unwrap_or(0).saturating_sub(told);
        Usage {
            input_tokens: self.input_tokens.unwrap_or(0),
            output_tokens: self.output_tokens.unwrap_or(0),
            cache_read_tokens: self.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m_tokens: short.saturating_add(untold),
            cache_write_1h_tokens: long,
            web_search_requests: self.server_tool_use.and_then(|tools| tools.web_search_requests).unwrap_or(0),
        }
    }
}

fn replace<T>(kept: &mut Option<T>, later: Option<T>) {
    if later.is_some() {
        *kept = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        serde_json::from_str(text).unwrap()
    }

    fn only(report: &Report) -> Usage {
        let parts = report.parts("opus");
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].0, "opus");
        parts[0].1
    }

    #[test]
    fn a_later_report_replaces_what_it_names_and_adds_nothing() {
        let mut call = report(r#"{"input_tokens":10,"output_tokens":1,"cache_read_input_tokens":5}"#);
        call.update(report(r#"{"output_tokens":40,"input_tokens":null}"#));
        call.update(report(r#"{"output_tokens":90,"input_tokens":12,"server_tool_use":{"web_search_requests":2}}"#));
        call.update(report(r#"{"server_tool_use":{},"iterations":[]}"#));
        let expected = Usage {
            input_tokens: 12,
            output_tokens: 90,
            cache_read_tokens: 5,
            web_search_requests: 2,
            ..Usage::default()
        };
        assert_eq!(only(&call), expected);
    }

    #[test]
    fn cache_writes_are_for_five_minutes_unless_it_says_otherwise() {
        let unsplit = only(&report(r#"{"cache_creation_input_tokens":70}"#));
        assert_eq!((unsplit.cache_write_5m_tokens, unsplit.cache_write_1h_tokens), (70, 0));
        let mut call = report(
            r#"{"cache_creation_input_tokens":70,
                "cache_creation":{"ephemeral_5m_input_tokens":50,"ephemeral_1h_input_tokens":20}}"#,
        );
        assert_eq!((only(&call).cache_write_5m_tokens, only(&call).cache_write_1h_tokens), (50, 20));
        call.update(report(r#"{"cache_creation_input_tokens":80}"#));
        assert_eq!((only(&call).cache_write_5m_tokens, only(&call).cache_write_1h_tokens), (60, 20));
    }

    #[test]
    fn iterations_are_paid_instead_of_the_whole_each_at_its_own_model() {
        let call = report(
            r#"{"input_tokens":10,"output_tokens":20,"server_tool_use":{"web_search_requests":1},"iterations":[
                {"type":"compaction","input_tokens":100,"output_tokens":30},
                {"type":"advisor_message","model":"fable","input_tokens":7,"output_tokens":3},
                {"type":"message","input_tokens":10,"output_tokens":20}]}"#,
        );
        let parts = call.parts("opus");
        let models: Vec<_> = parts.iter().map(|(model, _)| model.as_str()).collect();
        assert_eq!(models, ["opus", "fable", "opus"]);
        assert_eq!(parts.iter().map(|(_, usage)| usage.input_tokens).sum::<u64>(), 117);
        assert_eq!(parts.iter().map(|(_, usage)| usage.output_tokens).sum::<u64>(), 53);
        assert_eq!(parts.iter().map(|(_, usage)| usage.web_search_requests).sum::<u64>(), 1);
    }
}
