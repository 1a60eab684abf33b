//! `GET /sessions/`: all of a tenant's sessions, oldest first.

use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Invalid, Refusal};
use super::fault::{Fault, Kind, Step};
use super::run_result::{self, RunResult};
use super::{SeedError, integer, long_answer};
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
    #[schema(example = "completed")]
    status: SeedStatus,
    /// All its prompts.
    prompt: &'a str,
    /// When it was created.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T09:30:00.000001+00:00")]
    created_at: Timestamp,
    /// When the sandbox of its last turn began to be made.
    #[schema(value_type = Option<String>, format = DateTime)]
    start_time: Option<Timestamp>,
    /// When its last turn ended.
    #[schema(value_type = Option<String>, format = DateTime)]
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

/// The most sessions of a page, which is also how many there are when only another parameter is given.
const MAX_PAGE: u32 = 1_000;

/// What the list is narrowed to: extensions of the seed's list, which takes no parameter.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Narrowing {
    limit: Option<u32>,
    after: Option<SessionId>,
    status: Option<SeedStatus>,
}

/// List all sessions, oldest first; with a parameter, a page of them.
#[utoipa::path(
    get, path = "/sessions/", tag = "sessions", operation_id = "list_sessions",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many sessions at most"),
        ("after" = Option<String>, Query, description = "The session after which the page begins: the last of the page before"),
        ("status" = Option<SeedStatus>, Query, description = "Only sessions that stand so"),
    ),
    responses(
        (status = OK, description = "The sessions", body = Vec<SessionEntry>),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = UNPROCESSABLE_ENTITY, description = "A parameter cannot be understood", body = Invalid),
        (status = TOO_MANY_REQUESTS, description = "Too many long answers of the tenant's are being read", body = Refusal),
    ),
    security(("x-api-key" = ["sessions:read"]), ("bearer" = ["sessions:read"]), ("basic" = ["sessions:read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: TenantCaller<ReadSessions>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, SeedError> {
    let narrowing = Narrowing::read(&query)?;
    let tenant = caller.tenant.id;
    if narrowing == Narrowing::default() {
        return long_answer::soon(read(&state.store, tenant)).await;
    }
    long_answer::soon(read_page(&state.store, tenant, narrowing)).await
}

impl Narrowing {
    /// What a query asks for. Of a parameter given twice the last counts; one that is not known is ignored, as in the seed.
    pub(super) fn read(query: &[(String, String)]) -> Result<Self, SeedError> {
        let last = |name: &'static str| {
            let (_, text) = query.iter().rfind(|(key, _)| key == name)?;
            Some((text, vec![Step::name("query"), Step::name(name)]))
        };
        let mut narrowing = Self::default();
        if let Some((text, here)) = last("limit") {
            let limit = integer::from_text(text).and_then(|limit| match u32::try_from(limit) {
                Ok(limit @ 1..=MAX_PAGE) => Ok(limit),
                _ if limit < 1 => Err(Kind::BelowLeast(1)),
                _ => Err(Kind::AboveMost(MAX_PAGE.into())),
            });
            narrowing.limit = Some(limit.map_err(|kind| SeedError::fault(Fault::of_text(&kind, here, text)))?);
        }
        if let Some((text, here)) = last("after") {
            let kind = Kind::Refused("this is the id of a session");
            let id = text.parse().map_err(|_| SeedError::fault(Fault::of_text(&kind, here, text)))?;
            narrowing.after = Some(id);
        }
        if let Some((text, here)) = last("status") {
            let kind = Kind::Refused("a status is pending, running, completed, error or cancelled");
            let status = SeedStatus::parse(text);
            narrowing.status = Some(status.ok_or_else(|| SeedError::fault(Fault::of_text(&kind, here, text)))?);
        }
        Ok(narrowing)
    }
}

/// Reads a page of a tenant's sessions.
pub(super) async fn read_page(store: &Store, tenant: TenantId, narrowing: Narrowing) -> Result<Pieces, SeedError> {
    let Narrowing { limit, after, status } = narrowing;
    let page = store.session_page(tenant, (after, status, limit.unwrap_or(MAX_PAGE)), render).await?;
    page.ok_or_else(|| {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let kind = Kind::Refused("there is no such session any more: begin at the first page again");
        SeedError::fault(Fault::of_text(&kind, vec![Step::name("query"), Step::name("after")], &after))
    })
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
