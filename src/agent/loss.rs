//! What of the agent's lines could not be kept, and how the session's events report it.

use serde::Serialize;
use serde_json::json;

use super::line::{AgentLine, Meaning};
use crate::domain::EventKind;

/// What could not be kept. Counts of zero are left out of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Sequences of bytes that are no UTF-8; each became U+FFFD.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_utf8: u64,
    /// Halves of surrogate pairs that stood alone; each became U+FFFD.
    #[serde(skip_serializing_if = "is_zero")]
    pub lone_surrogates: u64,
    /// Bytes that were nested too deeply; each value became `null`.
    #[serde(skip_serializing_if = "is_zero")]
    pub nested_bytes: u64,
    /// Bytes up to which a line came that was longer than the shim carries. Nothing of it is kept as a message.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut_after_bytes: u64,
    /// Lines that came after the turn's output had reached its bound.
    #[serde(skip_serializing_if = "is_zero")]
    pub lines_beyond_limit: u64,
    /// Bytes of these lines.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes_beyond_limit: u64,
}

impl Loss {
    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The report of it. Lost content is reported within the conversation; replaced characters only among the events.
    pub fn report(&self) -> AgentLine {
        let lost_content = self.nested_bytes + self.cut_after_bytes + self.lines_beyond_limit > 0;
        let kind = if lost_content { EventKind::Message } else { EventKind::AgentLine };
        let payload = json!({ "type": "system", "subtype": "output_lost", "lost": self }).to_string();
        AgentLine { kind, payload, meaning: Meaning::Other, loss: Self::default() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_content_is_reported_in_the_conversation() {
        let line = Loss { nested_bytes: 7, ..Loss::default() }.report();
        assert_eq!(line.kind, EventKind::Message);
        assert_eq!(line.payload, r#"{"type":"system","subtype":"output_lost","lost":{"nested_bytes":7}}"#);
        let line = Loss { lone_surrogates: 1, not_utf8: 2, ..Loss::default() }.report();
        assert_eq!(line.kind, EventKind::AgentLine);
    }
}
