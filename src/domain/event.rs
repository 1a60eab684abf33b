//! An event: one immutable fact about a session, written before anyone is told.

use super::{Timestamp, TurnId};

/// What sort of fact an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A prompt was accepted: `{"prompt"}`.
    Prompt,
    /// The session's state changed: `{"state"}`.
    State,
    /// A line of the agent, whole, that is a message of the conversation.
    Message,
    /// A line of the agent, whole, of any other sort.
    AgentLine,
    /// A line the agent wrote to its standard error: `{"text"}`.
    AgentError,
    /// A budget on the session's path reached a threshold: `{"budget_id","scope","period","percent","spent_usd","limit_usd"}`.
    Budget,
    /// The sandbox asked for a host: `{"host","port","allowed","reason","sent_bytes","received_bytes","duration_ms","count"}`;
    /// `count` connections of the same sort that came within a second are one event.
    Egress,
    /// Processes of the sandbox were killed for want of memory: `{"killed"}`.
    OutOfMemory,
    /// What the session left in the workspace, in short: `{"totals","shortened","changed_executables","undone",
    /// "not_undone"}`, or `{"error"}` when that is not known. The API's `changes` tell it in full.
    Changes,
    /// The turn ended: `{"outcome","reason","error"}`.
    TurnEnd,
}

/// A fact to be written; the store gives it its `seq`.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// Its sort.
    pub kind: EventKind,
    /// The fact itself: one JSON value as text.
    pub payload: String,
    /// When it happened.
    pub at: Timestamp,
}

/// A fact as it was written.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the session, from 1, without gaps.
    pub seq: i64,
    /// The turn it belongs to.
    pub turn: TurnId,
    /// Its sort.
    pub kind: EventKind,
    /// The fact itself: one JSON value as text.
    pub payload: String,
    /// When it happened.
    pub at: Timestamp,
}

impl EventKind {
    const ALL: [Self; 10] = [
        Self::Prompt,
        Self::State,
        Self::Message,
        Self::AgentLine,
        Self::AgentError,
        Self::Budget,
        Self::Egress,
        Self::OutOfMemory,
        Self::Changes,
        Self::TurnEnd,
    ];

    /// The sort's name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::State => "state",
            Self::Message => "message",
            Self::AgentLine => "agent_line",
            Self::AgentError => "agent_error",
            Self::Budget => "budget",
            Self::Egress => "egress",
            Self::OutOfMemory => "out_of_memory",
            Self::Changes => "changes",
            Self::TurnEnd => "turn_end",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
