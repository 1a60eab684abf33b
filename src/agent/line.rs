//! What the agent says: one JSON object a line, of a type that a later version may add to.
//!
//! A line is kept whole whatever it is; only what the session acts upon is read out of it. Nothing that money or
//! limits depend on is.

use serde_json::Value;

use crate::domain::{AgentReport, EventKind, Usd};

/// The most a claim can be: what is beyond was not reckoned by the agent, and would spoil a sum.
const MAX_CLAIM: Usd = Usd::from_nanos(1_000_000_000_000_000);

/// A line of the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentLine {
    /// How it is kept.
    pub kind: EventKind,
    /// The line itself, as one JSON value.
    pub payload: String,
    /// What the session does about it.
    pub meaning: Meaning,
}

/// What a line means to the session.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// A turn begins under this name for the conversation.
    Began {
        /// The agent's own name for it.
        conversation: Option<String>,
    },
    /// The answer to a control request.
    Answered {
        /// The request.
        request: String,
        /// What went wrong, if something did.
        error: Option<String>,
    },
    /// Lines for the end of the transcript.
    Transcript(Vec<String>),
    /// The turn's result.
    Result(TurnResult),
    /// Nothing the session acts upon.
    Other,
}

/// A turn's result as the agent reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnResult {
    /// Its numbers.
    pub report: AgentReport,
    /// What went wrong, if something did. Judged by `is_error` alone: a failed call comes with `subtype: "success"`.
    pub error: Option<String>,
}

/// Reads a line of the agent's standard output.
pub fn read_line(bytes: &[u8]) -> AgentLine {
    let text = mend_surrogates(&String::from_utf8_lossy(bytes));
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        let payload = serde_json::json!({ "text": text }).to_string();
        return AgentLine { kind: EventKind::AgentError, payload, meaning: Meaning::Other };
    };
    let kind = if is_message(&value) { EventKind::Message } else { EventKind::AgentLine };
    AgentLine { kind, payload: text, meaning: meaning(&value) }
}

/// Whether a line is a message of the conversation rather than of the protocol around it.
fn is_message(line: &Value) -> bool {
    match str_at(line, "type") {
        Some("assistant" | "user" | "result") => true,
        Some("system") => !matches!(
            str_at(line, "subtype"),
            Some("session_state_changed" | "session_title_changed" | "ui_invalidate" | "status" | "informational")
        ),
        _ => false,
    }
}

fn meaning(line: &Value) -> Meaning {
    match (str_at(line, "type"), str_at(line, "subtype")) {
        (Some("system"), Some("init")) => {
            Meaning::Began { conversation: str_at(line, "session_id").map(str::to_owned) }
        }
        (Some("control_response"), _) => answered(&line["response"]),
        (Some("transcript_mirror"), _) => Meaning::Transcript(entries(line)),
        (Some("result"), _) => Meaning::Result(result(line)),
        _ => Meaning::Other,
    }
}

fn answered(response: &Value) -> Meaning {
    let error = (str_at(response, "subtype") == Some("error"))
        .then(|| str_at(response, "error").unwrap_or("the agent gave no reason").to_owned());
    Meaning::Answered { request: str_at(response, "request_id").unwrap_or_default().to_owned(), error }
}

fn entries(line: &Value) -> Vec<String> {
    line["entries"].as_array().map(|entries| entries.iter().map(Value::to_string).collect()).unwrap_or_default()
}

fn result(line: &Value) -> TurnResult {
    let report = AgentReport {
        num_turns: line["num_turns"].as_i64().unwrap_or_default(),
        duration_ms: line["duration_ms"].as_i64().unwrap_or_default(),
        usage: line["usage"].clone(),
        claimed: claimed(line),
    };
    let failed = line["is_error"].as_bool().unwrap_or(false);
    TurnResult { report, error: failed.then(|| reason(line)) }
}

/// What the agent claims that the turn cost. `total_cost_usd` is of no use for that: it goes on through resumed turns. `None`
/// when the agent does not say it by model, or has no price for one of them and guesses.
fn claimed(line: &Value) -> Option<Usd> {
    let models = line.get("model_usage_since_last_result")?.as_object()?;
    let cost = |model: &Value| {
        let cost = Usd::nearest(model["costUSD"].as_f64()?)?;
        (str_at(model, "costBasis") == Some("list")).then_some(cost)
    };
    let sum = models.values().map(cost).try_fold(Usd::ZERO, |sum, cost| Some(sum + cost?))?;
    (sum <= MAX_CLAIM).then_some(sum)
}

/// Why a turn failed, in the agent's words where it has some.
fn reason(line: &Value) -> String {
    let errors = line["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let said: Vec<&str> = str_at(line, "result").filter(|text| !text.is_empty()).into_iter().chain(errors).collect();
    if said.is_empty() {
        format!("The agent ended the turn: {}", str_at(line, "subtype").unwrap_or("it gave no reason"))
    } else {
        said.join("; ")
    }
}

fn str_at<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// Replaces each half of a surrogate pair that stands alone by U+FFFD. The agent cuts its tools' output anywhere, also in
/// the middle of an emoji; such a half is no character, and a JSON text that holds one can be read by nobody.
fn mend_surrogates(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match surrogate(rest) {
            None => rest.chars().take(2).map(char::len_utf8).sum(),
            Some(0xD800..=0xDBFF) if matches!(surrogate(&rest[6..]), Some(0xDC00..=0xDFFF)) => 12,
            Some(_) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended.push_str(rest);
    mended
}

/// The surrogate that `text` begins with, as an escape.
fn surrogate(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xD800..=0xDFFF).contains(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_emoji_does_not_spoil_a_line() {
        let line = read_line(br#"{"type":"user","a":"\ud83d","b":"\ud83d\ude00","c":"\\ud83d","d":"x\ude00\\"}"#);
        assert_eq!(line.kind, EventKind::Message);
        let value: Value = serde_json::from_str(&line.payload).unwrap();
        assert_eq!(value["a"], "\u{fffd}");
        assert_eq!(value["b"], "😀");
        assert_eq!(value["c"], "\\ud83d");
        assert_eq!(value["d"], "x\u{fffd}\\");
    }

    #[test]
    fn what_is_no_json_is_kept_as_text() {
        let line = read_line(b"oops \xff \\");
        assert_eq!(line.kind, EventKind::AgentError);
        assert_eq!(line.payload, r#"{"text":"oops � \\"}"#);
    }

    #[test]
    fn a_type_of_a_later_version_is_kept() {
        let line = read_line(br#"{"type":"from_the_future","x":1}"#);
        assert_eq!((line.kind, line.meaning), (EventKind::AgentLine, Meaning::Other));
    }

    #[test]
    fn a_failed_call_is_a_failure_although_it_says_success() {
        let line = read_line(
            br#"{"result":"API Error: 400","subtype":"success","is_error":true,"num_turns":1,"duration_ms":5,"usage":{},"type":"result"}"#,
        );
        let Meaning::Result(result) = line.meaning else { panic!("not a result") };
        assert_eq!(result.error.as_deref(), Some("API Error: 400"));
    }

    #[test]
    fn used_up_turns_are_said_in_words() {
        let line = read_line(
            br#"{"type":"result","subtype":"error_max_turns","is_error":true,"errors":["Reached maximum number of turns (2)"]}"#,
        );
        let Meaning::Result(result) = line.meaning else { panic!("not a result") };
        assert_eq!(result.error.as_deref(), Some("Reached maximum number of turns (2)"));
    }

    /// What a result with these models claims, in nano-dollars.
    fn claim(models: &str) -> Option<i64> {
        let line = format!(
            r#"{{"type":"result","total_cost_usd":9.5,"modelUsage":{{}},"model_usage_since_last_result":{models}}}"#
        );
        let Meaning::Result(result) = read_line(line.as_bytes()).meaning else { panic!("not a result") };
        result.report.claimed.map(Usd::as_nanos)
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
