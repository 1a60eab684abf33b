//! `GET /sessions/`: all of a tenant's sessions, oldest first.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Refusal;
use super::run_result::{self, RunResult};
use super::{SeedError, long_answer};
use crate::api::ApiState;
use crate::api::auth::{ReadSessions, TenantCaller};
use crate::domain::{SeedStatus, SessionId, SessionOverview, TenantId, Timestamp};
use crate::store::{Pieces, Store};

/// A session in the list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionEntry<'a> {
    /// Its id.
    #[schema(value_type = String)]
    session_id: SessionId,
    /// How it stands: `pending`, `running`, `completed`, `error` or `cancelled`.
    #[schema(value_type = String, example = "completed")]
    status: SeedStatus,
    /// All its prompts.
    prompt: &'a str,
    /// When it was created.
    #[schema(value_type = String, example = "2026-11-24T09:30:00.000001+00:00")]
    created_at: Timestamp,
    /// When the sandbox of its last turn began to be made.
    #[schema(value_type = Option<String>)]
    start_time: Option<Timestamp>,
    /// When its last turn ended.
    #[schema(value_type = Option<String>)]
    end_time: Option<Timestamp>,
    /// What went wrong in its last turn.
    error: Option<&'a str>,
    /// What its last turn came to; `null` until it is completed.
    #[schema(value_type = Option<RunResult<'_>>)]
    result: Option<RunResult<'a>>,
    /// How many messages its conversation has.
    message_count: i64,
    /// The agent's own name for the conversation, known once the agent has spoken: from then on it can be resumed.
    claude_session_id: Option<&'a str>,
}

/// List all sessions, oldest first.
#[utoipa::path(
    get, path = "/sessions/", tag = "sessions",
    responses(
        (status = OK, body = Vec<SessionEntry>),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = TOO_MANY_REQUESTS, description = "Too many long answers of the tenant's are being read", body = Refusal),
    ),
    security(("x-api-key" = ["sessions:read"]), ("bearer" = ["sessions:read"]), ("basic" = ["sessions:read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: TenantCaller<ReadSessions>,
) -> Result<Response, SeedError> {
    long_answer::soon(read(&state.store, caller.tenant.id)).await
}

/// Reads a tenant's sessions as the answer shows them.
pub(super) async fn read(store: &Store, tenant: TenantId) -> Result<Pieces, SeedError> {
    Ok(store.session_list(tenant, render).await?)
}

fn render(overview: &SessionOverview) -> Bytes {
    let entry = serde_json::to_vec(&SessionEntry::of(overview));
    entry.expect("our own views have text keys and no failing serializer").into()
}

impl<'a> SessionEntry<'a> {
    fn of(overview: &'a SessionOverview) -> Self {
        let SessionOverview { session, turn } = overview;
        Self {
            session_id: session.id,
            status: overview.seed_status(),
            prompt: &session.prompt,
            created_at: session.created_at,
            start_time: turn.started_at,
            end_time: turn.ended_at,
            error: turn.error.as_deref(),
            result: run_result::of(overview),
            message_count: session.message_count,
            claude_session_id: session.agent_session.as_deref(),
        }
    }
}
