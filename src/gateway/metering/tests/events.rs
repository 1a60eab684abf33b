//! Events of an answer, as the model API writes them.

use serde_json::{Value, json};

use super::cases::MODEL;

/// An event as the model API writes it.
pub(super) fn event(kind: &str, mut fields: Value) -> String {
    fields["type"] = kind.into();
    format!("event: {kind}\ndata: {fields}\n\n")
}

/// The beginning of an answer of `model` with `usage`.
pub(super) fn start_of(model: &str, usage: Value) -> String {
    let mut message = json!({"model": model});
    message["usage"] = usage;
    event("message_start", [("message", message)].into_iter().collect())
}

/// The beginning of an answer with `usage`.
pub(super) fn start_with(usage: Value) -> String {
    start_of(MODEL, usage)
}

/// The beginning of an answer with 1000 tokens of input.
pub(super) fn start() -> String {
    start_with(json!({"input_tokens": 1_000, "output_tokens": 1}))
}

/// Some of the answer.
pub(super) fn text(text: &str) -> String {
    event("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": text}}))
}

/// A report in the middle of an answer.
pub(super) fn report(usage: Value) -> String {
    event("message_delta", [("delta", json!({})), ("usage", usage)].into_iter().collect())
}

/// The last report.
pub(super) fn last(usage: Value) -> String {
    event("message_delta", [("delta", json!({"stop_reason": "end_turn"})), ("usage", usage)].into_iter().collect())
}

/// The last report with 50 tokens of output.
pub(super) fn last_50() -> String {
    last(json!({"output_tokens": 50}))
}

/// The end.
pub(super) fn stop() -> String {
    event("message_stop", json!({}))
}

/// An error.
pub(super) fn error() -> String {
    event("error", json!({"error": {"type": "overloaded_error", "message": "Overloaded"}}))
}
