//! A session: a conversation with one agent in one workspace, and the states it goes through.
//!
//! ```text
//!           ┌────────────── a turn ends ──────────────┐
//!           ▼                                         │
//!         idle ──► queued ──► starting ──► running ───┤
//!           ▲         │           │                   │
//!           └─────────┴───────────┴─── cancelled ─────┘
//! ```

use std::path::PathBuf;

use super::{Outcome, SessionId, TenantId, Timestamp, Turn};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// No turn is under way; a new one may begin.
    Idle,
    /// A turn waits for its place.
    Queued,
    /// The sandbox of the turn is being made.
    Starting,
    /// The agent works.
    Running,
}

/// A session's record.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The root the workspace lies below.
    pub root: PathBuf,
    /// The workspace's path below the root; empty for the root itself.
    pub relative: PathBuf,
    /// Where it stands.
    pub state: SessionState,
    /// All its prompts, joined the way the seed API shows them. Empty where they are not needed: they may be long.
    pub prompt: String,
    /// Bytes of all its prompts.
    pub prompt_bytes: u64,
    /// The agent's own name for the conversation, known once the agent has spoken: what makes it resumable.
    pub agent_session: Option<String>,
    /// How many sandboxes it has had; only the newest is listened to.
    pub epoch: i64,
    /// The `seq` of its last event.
    pub last_seq: i64,
    /// How many of its events are messages of the conversation.
    pub message_count: i64,
    /// How many turns it has had, the present one included.
    pub turn_count: i64,
    /// Bytes of its events.
    pub event_bytes: u64,
    /// Bytes of its transcript.
    pub transcript_bytes: u64,
    /// The first of the files that would run later and were changed in any of its turns.
    pub changed_executables: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A session with its latest turn: what every view of it is made from.
#[derive(Clone, Debug)]
pub struct SessionOverview {
    /// The session.
    pub session: Session,
    /// Its latest turn.
    pub turn: Turn,
}

/// What the seed API calls a session's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeedStatus {
    /// Accepted; its agent has not started yet.
    Pending,
    /// Its agent works.
    Running,
    /// The last turn ended well.
    Completed,
    /// The last turn failed.
    Error,
    /// The last turn was cancelled.
    Cancelled,
}

impl SessionState {
    /// The state's name in the store and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Idle, Self::Queued, Self::Starting, Self::Running].into_iter().find(|state| state.as_str() == text)
    }
}

impl SessionOverview {
    /// The session's standing in the words of the seed API.
    pub fn seed_status(&self) -> SeedStatus {
        match (self.turn.outcome, self.session.state) {
            (Some(Outcome::Completed), _) => SeedStatus::Completed,
            (Some(Outcome::Failed), _) => SeedStatus::Error,
            (Some(Outcome::Cancelled), _) => SeedStatus::Cancelled,
            (None, SessionState::Running | SessionState::Idle) => SeedStatus::Running,
            (None, SessionState::Queued | SessionState::Starting) => SeedStatus::Pending,
        }
    }
}

impl SeedStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Error, Self::Cancelled];

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The word itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}
