//! `POST /execute/`: starts a session, or goes on with one.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Invalid, Refusal};
use super::schema::ExecuteBody;
use super::session_name::SessionName;
use super::validate::TextBounds;
use super::{SeedError, body, validate};
use crate::api::ApiState;
use crate::api::auth::{StartSessions, TenantCaller};
use crate::api::input::read_body;
use crate::domain::{SeedStatus, SessionId, SessionLimits};
use crate::net::BodyError;

/// A session that was started or goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecuteResponse {
    /// Its id.
    #[schema(value_type = String)]
    session_id: SessionId,
    /// Always `pending`.
    #[schema(example = "pending")]
    status: SeedStatus,
    /// The same in words.
    message: String,
    /// The limits that were applied, if any were asked for: the lower of what was asked for and what the tenant and the
    /// installation allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<SessionLimits>,
    /// What of the request was ignored, in words; absent when nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Start a session, or go on with one.
#[utoipa::path(
    post, path = "/execute/", tag = "sessions", operation_id = "execute", request_body(content = ExecuteBody, example = json!({"prompt": "List the files in this directory."})),
    responses(
        (status = OK, description = "The session was accepted", body = ExecuteResponse),
        (status = BAD_REQUEST, description = "The directory, the environment or the session is refused", body = Refusal),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = FORBIDDEN, description = "The tenant is suspended", body = Refusal),
        (status = PAYLOAD_TOO_LARGE, description = "The body is too large, or what the tenant's sessions hold", body = Refusal),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = Invalid),
        (status = TOO_MANY_REQUESTS, description = "Too many of the tenant's sessions wait", body = Refusal),
        (status = SERVICE_UNAVAILABLE, description = "The server is stopping, or cannot use its store at present", body = Refusal),
    ),
    security(("x-api-key" = ["sessions:write"]), ("bearer" = ["sessions:write"]), ("basic" = ["sessions:write"])),
)]
pub(super) async fn execute(
    State(state): State<ApiState>,
    caller: TenantCaller<StartSessions>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ExecuteResponse>, SeedError> {
    let bytes = read_body(body, state.config.http.max_body_bytes).await?;
    let size = bytes.len();
    let bounds = TextBounds::of(&state.config.session);
    let parse = move || {
        let object = body::object(&headers, &bytes)?;
        validate::execute(object, &bounds).map_err(SeedError::Invalid)
    };
    let parsed = state.parsing.run(caller.tenant.id, size, parse).await;
    let request = parsed.ok_or(SeedError::Body(BodyError::NoMemory))??;
    let warnings = request.warnings;
    let (tenant, cwd) = (&caller.tenant, request.cwd.as_deref());
    let (session_id, limits, deed) = match request.resume.map(SessionName::new) {
        None => {
            let started = state.sessions.start(tenant, &caller.key, cwd, request.prompt, request.spec).await?;
            (started.0, started.1, "started")
        }
        Some(name) => {
            let id = name.id().map_err(|_| SeedError::unknown_to_resume(&name))?;
            let resumed = state.sessions.resume(tenant, &caller.key, id, cwd, request.prompt, request.spec).await;
            (id, resumed.map_err(|error| SeedError::resume(&name, error))?, "resumed")
        }
    };
    let message = format!("Session {session_id} {deed} successfully");
    Ok(Json(ExecuteResponse { session_id, status: SeedStatus::Pending, message, limits, warnings }))
}
