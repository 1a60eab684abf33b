//! Sessions and turns as operators see them: how they stand, not what they say.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{EndReason, SeedStatus, SessionId, TenantId, Timestamp, TurnId};
use crate::store::{SessionRow, TurnRow};

/// A session, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionEntry {
    /// Its id.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// `pending`, `running`, `completed`, `error` or `cancelled`.
    pub status: SeedStatus,
    /// The directory it works in.
    #[schema(value_type = String)]
    pub directory: PathBuf,
    /// How many turns it has had.
    pub turns: u64,
    /// What they cost so far, in US dollars as text.
    pub cost_usd: String,
    /// Bytes of its requests, events and transcript in the database.
    pub stored_bytes: u64,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its last turn ended; null while one is under way.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// A page of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionPage {
    /// The sessions, the latest first.
    pub data: Vec<SessionEntry>,
    /// What to give as `after` for the next page; null when this is the last.
    pub next_after: Option<String>,
}

/// A session with its turns.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionDetail {
    /// The session.
    #[serde(flatten)]
    pub session: SessionEntry,
    /// How far its turn under way has come; null when there is none, and on the command line.
    pub live: Option<LiveView>,
    /// Its last 100 turns, the latest first.
    pub last_turns: Vec<TurnView>,
}

/// How far a turn under way has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveView {
    /// `queued`, `starting`, `running` or `stopping`.
    #[schema(value_type = String)]
    pub stage: &'static str,
    /// Its position in its tenant's queue, from 1; null when it does not wait.
    pub queue_position: Option<usize>,
    /// Bytes of memory its sandbox may use; null while it has none.
    pub memory_limit_bytes: Option<u64>,
}

/// A turn, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TurnView {
    /// Its id.
    #[schema(value_type = String)]
    pub turn_id: TurnId,
    /// The public part of the key that asked.
    pub key_id: Option<String>,
    /// Why it ended, such as `answered`, `cancelled` or `turn_timeout`; null while it has not.
    #[schema(value_type = Option<String>)]
    pub end_reason: Option<&'static str>,
    /// What it cost so far, in US dollars as text.
    pub cost_usd: String,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its sandbox began to be made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// When an operator asked that it be cancelled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancel_requested_at: Option<Timestamp>,
}

impl From<SessionRow> for SessionEntry {
    fn from(row: SessionRow) -> Self {
        Self {
            session_id: row.id,
            tenant_id: row.tenant,
            tenant_name: row.tenant_name,
            status: row.status,
            directory: row.directory,
            turns: row.turns,
            cost_usd: row.cost.to_string(),
            stored_bytes: row.stored_bytes,
            created_at: row.created_at,
            ended_at: row.ended_at,
        }
    }
}

impl From<TurnRow> for TurnView {
    fn from(row: TurnRow) -> Self {
        Self {
            turn_id: row.id,
            key_id: row.key.map(|key| key.to_string()),
            end_reason: row.reason.map(EndReason::as_str),
            cost_usd: row.cost.to_string(),
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            cancel_requested_at: row.cancel_requested_at,
        }
    }
}
