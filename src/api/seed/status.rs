//! `GET /status/{session_id}`: how a session stands, with its whole conversation.
//!
//! The messages can be many, and the store keeps them rendered, so the answer is put together from bytes.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::Refusal;
use super::run_result::{self, Dollars, RunResult};
use super::schema::StatusBody;
use super::session_name::SessionName;
use super::{SeedError, long_answer, messages};
use crate::admission::Place;
use crate::api::ApiState;
use crate::api::auth::SessionCaller;
use crate::domain::{Outcome, SeedStatus, SessionId, SessionLimits, SessionState, TenantId, Timestamp};
use crate::store::{Conversation, Pieces, Store};

/// What stands before the messages.
#[derive(Serialize)]
struct Head {
    session_id: SessionId,
    status: SeedStatus,
}

/// What stands after them.
#[derive(Serialize)]
struct Tail<'a> {
    result: Option<RunResult<'a>>,
    answer: Option<&'a RawValue>,
    error: Option<&'a str>,
    duration_ms: Option<i64>,
    total_cost_usd: Option<Dollars>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Waiting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<SessionLimits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_memory_kills: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changed_executables: &'a [String],
}

/// Where a session stands in the queue.
#[derive(Serialize)]
struct Waiting {
    position: usize,
    waited_ms: i64,
}

/// Show how a session stands.
#[utoipa::path(
    get, path = "/status/{session_id}", tag = "sessions", operation_id = "get_session_status", params(("session_id" = String, Path)),
    responses(
        (status = OK, description = "The session with its conversation", body = StatusBody),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = NOT_FOUND, description = "No such session", body = Refusal),
        (status = TOO_MANY_REQUESTS, description = "Too many long answers of the tenant's are being read", body = Refusal),
    ),
    security(("x-api-key" = ["sessions:read"]), ("bearer" = ["sessions:read"]), ("basic" = ["sessions:read"])),
)]
pub(super) async fn status(
    State(state): State<ApiState>,
    caller: SessionCaller,
    name: SessionName,
) -> Result<Response, SeedError> {
    let Some(tenant) = caller.tenant_of(name.id()?) else { return Err(SeedError::SessionNotFound(name)) };
    let place = state.sessions.place(tenant.id, name.id()?);
    long_answer::soon(read(&state.store, tenant.id, name, place, state.clock.now())).await
}

/// Reads a tenant's session as the answer shows it.
pub(super) async fn read(
    store: &Store,
    tenant: TenantId,
    name: SessionName,
    place: Option<Place>,
    now: Timestamp,
) -> Result<Pieces, SeedError> {
    let found = store.conversation(tenant, name.id()?, messages::render).await?;
    let conversation = found.ok_or(SeedError::SessionNotFound(name))?;
    let (head, tail) = around_messages(&conversation, place, now);
    if let Some(messages) = &conversation.messages {
        return Ok(store.whole(tenant, vec![head, messages.clone(), tail]).await);
    }
    let messages = store.message_pages(&conversation.overview, messages::render);
    let end = |bytes| stream::once(async { Ok(bytes) });
    Ok(store.streamed(tenant, end(head).chain(messages).chain(end(tail))).await)
}

/// What stands before the messages, and what after them.
fn around_messages(conversation: &Conversation, place: Option<Place>, now: Timestamp) -> (Bytes, Bytes) {
    let overview = &conversation.overview;
    let has_answer = overview.turn.outcome == Some(Outcome::Completed);
    let head = object(&Head { session_id: overview.session.id, status: overview.seed_status() });
    let tail = object(&Tail {
        result: run_result::of(overview),
        answer: conversation.last_message().filter(|_| has_answer).and_then(messages::answer),
        error: overview.turn.error.as_deref(),
        duration_ms: run_result::duration_ms(&overview.turn, now),
        total_cost_usd: run_result::total_cost(&overview.turn),
        queue: place
            .filter(|_| overview.session.state == SessionState::Queued)
            .map(|Place { position }| Waiting { position, waited_ms: now.millis_since(overview.turn.created_at) }),
        limits: overview.turn.spec.limits,
        out_of_memory_kills: conversation.out_of_memory_kills(),
        changed_executables: &overview.session.changed_executables,
    });
    let (head, tail) = (&head[..head.len() - 1], &tail[1..]);
    ([head, br#","messages":"#].concat().into(), [b",", tail].concat().into())
}

fn object<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own views have text keys and no failing serializer")
}
