//! What the agent says: one JSON object a line, of a type that a later version may add to.
//!
//! A line is kept whole whatever it is; only what the session acts upon is read out of it. Nothing that money or
//! limits depend on is.

use serde_json::value::RawValue;

use super::depth::{self, MAX_DEPTH};
use super::json::Fields;
use super::loss::Loss;
use super::question::Question;
use super::result::{self, TurnResult};
use super::{planning, surrogates};
use crate::domain::EventKind;

/// A line of the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentLine {
    /// How it is kept.
    pub kind: EventKind,
    /// The line itself, as one JSON value.
    pub payload: String,
    /// What the session does about it.
    pub meaning: Meaning,
    /// What of it could not be kept.
    pub loss: Loss,
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
    /// The agent asks, and waits for an answer.
    Asked(Question),
    /// The model proposes this plan.
    Proposed(String),
    /// Lines for the end of the transcript.
    Transcript(Vec<String>),
    /// The turn's result.
    Result(TurnResult),
    /// The agent works, or has nothing more to do.
    Working(bool),
    /// Nothing the session acts upon.
    Other,
}

/// Reads a line of the agent's standard output.
pub fn read_line(bytes: &[u8]) -> AgentLine {
    let raw = String::from_utf8_lossy(bytes);
    let mut loss = Loss { not_utf8: invalid_sequences(bytes), ..Loss::default() };
    let (text, lone_surrogates) = surrogates::replace_lone(&raw);
    if serde_json::from_str::<&RawValue>(&text).is_err() {
        return AgentLine { loss, ..text_line(&raw) };
    }
    loss.lone_surrogates = lone_surrogates;
    // What is valid JSON and no object is kept, and means nothing.
    let fields = Fields::read(&text).unwrap_or_default();
    let kind = if is_message(&fields) { EventKind::Message } else { EventKind::AgentLine };
    let meaning = meaning(&fields);
    let payload = match depth::cut_below(&text, MAX_DEPTH) {
        // Entries of the transcript are for the agent alone, which wrote them.
        Some((cut, bytes)) if !matches!(meaning, Meaning::Transcript(_)) => {
            loss.nested_bytes = bytes;
            cut
        }
        _ => text,
    };
    AgentLine { kind, payload, meaning, loss }
}

/// Reads a line of the agent's standard error.
pub fn read_error(bytes: &[u8]) -> AgentLine {
    let text = String::from_utf8_lossy(bytes);
    let loss = Loss { not_utf8: invalid_sequences(bytes), ..Loss::default() };
    AgentLine { loss, ..text_line(&text) }
}

/// Reads the beginning of a line of the standard output that was too long to be carried. Of the transcript the
/// entries before the cut are kept; the agent closes a gap when it resumes the conversation.
pub fn read_beginning(bytes: &[u8]) -> AgentLine {
    let (text, _) = surrogates::replace_lone(&String::from_utf8_lossy(bytes));
    let loss = Loss { cut_after_bytes: bytes.len() as u64, ..Loss::default() };
    let is_mirror = text.contains(r#""type":"transcript_mirror""#);
    let entries = text.split_once(r#""entries":["#).filter(|_| is_mirror);
    let meaning = entries.map_or(Meaning::Other, |(_, entries)| Meaning::Transcript(whole_values(entries)));
    AgentLine { meaning, loss, ..text_line("") }
}

/// The values at the beginning of a list's text, up to one that is not whole.
fn whole_values(list: &str) -> Vec<String> {
    let (mut values, mut rest) = (Vec::new(), list);
    loop {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let Some(Ok(value)) = stream.next() else { return values };
        let after = &rest[stream.byte_offset()..];
        // Only what is followed by something is known to be whole.
        let Some(next) = after.strip_prefix(',').or_else(|| after.strip_prefix(']')) else { return values };
        values.push(value.get().to_owned());
        rest = next;
    }
}

/// A line that is kept as text.
fn text_line(text: &str) -> AgentLine {
    let payload = serde_json::json!({ "text": text }).to_string();
    AgentLine { kind: EventKind::AgentError, payload, meaning: Meaning::Other, loss: Loss::default() }
}

fn invalid_sequences(bytes: &[u8]) -> u64 {
    bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count() as u64
}

/// Whether a line is a message of the conversation rather than of the protocol around it.
fn is_message(line: &Fields<'_>) -> bool {
    match line.text("type").as_deref() {
        Some("assistant" | "user" | "result") => true,
        Some("system") => !matches!(
            line.text("subtype").as_deref(),
            Some("session_state_changed" | "session_title_changed" | "ui_invalidate" | "status" | "informational")
        ),
        _ => false,
    }
}

fn meaning(line: &Fields<'_>) -> Meaning {
    match (line.text("type").as_deref(), line.text("subtype").as_deref()) {
        (Some("system"), Some("init")) => Meaning::Began { conversation: line.text("session_id") },
        (Some("system"), Some("session_state_changed")) => Meaning::Working(!line.is("state", "idle")),
        (Some("assistant"), _) => planning::proposal(line).map_or(Meaning::Other, Meaning::Proposed),
        (Some("control_response"), _) => answered(&line.object("response")),
        (Some("control_request"), _) => Question::read(line).map_or(Meaning::Other, Meaning::Asked),
        (Some("transcript_mirror"), _) => {
            Meaning::Transcript(line.list("entries").into_iter().map(|entry| entry.get().to_owned()).collect())
        }
        (Some("result"), _) => Meaning::Result(result::read(line)),
        _ => Meaning::Other,
    }
}

fn answered(response: &Fields<'_>) -> Meaning {
    let error = response
        .is("subtype", "error")
        .then(|| response.text("error").unwrap_or_else(|| "the agent gave no reason".to_owned()));
    Meaning::Answered { request: response.text("request_id").unwrap_or_default(), error }
}
