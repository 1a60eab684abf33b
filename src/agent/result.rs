//! The line that ends a turn.

use serde_json::Value;

use super::json::Fields;
use crate::domain::{AgentReport, Usd};

/// The highest claim that is recorded: what is beyond was not computed by the agent, and would spoil a sum.
const MAX_CLAIM: Usd = Usd::from_nanos(1_000_000_000_000_000);

/// A turn's result as the agent reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnResult {
    /// Its numbers.
    pub report: AgentReport,
    /// What went wrong, if something did. Judged by `is_error` alone: a failed call comes with `subtype: "success"`.
    pub error: Option<String>,
}

/// Reads a result.
pub(super) fn read(line: &Fields<'_>) -> TurnResult {
    let report = AgentReport {
        num_turns: line.number("num_turns").unwrap_or_default(),
        duration_ms: line.number("duration_ms").unwrap_or_default(),
        usage: line.value("usage"),
        claimed: claimed(line),
    };
    TurnResult { report, error: line.flag("is_error").then(|| reason(line)) }
}

/// What the agent claims that the turn cost. `total_cost_usd` is of no use for that: it goes on through resumed turns. `None`
/// when the agent does not say it by model, or has no price for one of them and guesses.
fn claimed(line: &Fields<'_>) -> Option<Usd> {
    let usage = line.value("model_usage_since_last_result");
    let cost = |model: &Value| {
        let cost = Usd::nearest(model["costUSD"].as_f64()?)?;
        (model["costBasis"] == "list").then_some(cost)
    };
    let sum = usage.as_object()?.values().map(cost).try_fold(Usd::ZERO, |sum, cost| Some(sum + cost?))?;
    (sum <= MAX_CLAIM).then_some(sum)
}

/// Why a turn failed, in the agent's words where it has some.
fn reason(line: &Fields<'_>) -> String {
    let errors = line.list("errors").into_iter().filter_map(|error| serde_json::from_str(error.get()).ok());
    let said: Vec<String> = line.text("result").filter(|text| !text.is_empty()).into_iter().chain(errors).collect();
    let reason = if said.is_empty() {
        let subtype = line.text("subtype");
        format!("The agent ended the turn: {}", subtype.as_deref().unwrap_or("it gave no reason"))
    } else {
        said.join("; ")
    };
    // Databases keep no NUL in a text.
    reason.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(line: &str) -> TurnResult {
        read(&Fields::read(line).unwrap())
    }

    #[test]
    fn a_failed_call_is_a_failure_although_it_says_success() {
        let line = r#"{"result":"API Error: 400","subtype":"success","is_error":true,"num_turns":1,"duration_ms":5,"usage":{},"type":"result"}"#;
        assert_eq!(result(line).error.as_deref(), Some("API Error: 400"));
    }

    #[test]
    fn used_up_turns_are_reported_in_words() {
        let line = r#"{"type":"result","subtype":"error_max_turns","is_error":true,"errors":["Reached maximum number of turns (2)", 7]}"#;
        assert_eq!(result(line).error.as_deref(), Some("Reached maximum number of turns (2)"));
    }

    #[test]
    fn an_error_holds_no_nul() {
        assert_eq!(result(r#"{"is_error":true,"result":"a\u0000b"}"#).error.as_deref(), Some("a\u{fffd}b"));
    }

    /// What a result with these models claims, in nano-dollars.
    fn claim(models: &str) -> Option<i64> {
        let line = format!(
            r#"{{"type":"result","total_cost_usd":9.5,"modelUsage":{{}},"model_usage_since_last_result":{models}}}"#
        );
        result(&line).report.claimed.map(Usd::as_nanos)
    }

    #[test]
    fn a_claim_is_of_this_turn_alone_and_of_every_model() {
        let (opus, haiku) =
            (r#""a":{"costUSD":0.008129999999999998,"costBasis":"list"}"#, r#""costUSD":0.00028132499999999997"#);
        assert_eq!(claim(&format!(r#"{{{opus},"b":{{{haiku},"costBasis":"list"}}}}"#)), Some(8_130_000 + 281_325));
        assert_eq!(claim("{}"), Some(0));
    }

    #[test]
    fn what_is_no_claim_is_compared_with_nothing() {
        for guess in [
            r#"{"a":{"costUSD":0.1,"costBasis":"list"},"b":{"costUSD":0.1,"costBasis":"unknown"}}"#,
            r#"{"a":{"costUSD":0.1}}"#,
            r#"{"a":{"costUSD":"0.1","costBasis":"list"}}"#,
            r#"{"a":{"costUSD":-0.1,"costBasis":"list"}}"#,
            r#"{"a":{"costUSD":1e300,"costBasis":"list"}}"#,
            r#"{"a":{"costUSD":1000001,"costBasis":"list"}}"#,
            "[]",
            "null",
        ] {
            assert_eq!(claim(guess), None, "{guess}");
        }
    }
}
