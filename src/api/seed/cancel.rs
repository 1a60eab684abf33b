//! `POST /cancel/{session_id}`: stops a session's turn, whether its agent works already or its sandbox is being made.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::SeedError;
use super::error::Refusal;
use super::session_name::SessionName;
use crate::api::ApiState;
use crate::api::auth::{ChangeSessions, TenantCaller};
use crate::domain::{SeedStatus, SessionId};

/// A session that was cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CancelResponse {
    /// Its id.
    #[schema(value_type = String)]
    session_id: SessionId,
    /// Always `cancelled`.
    #[schema(example = "cancelled")]
    status: SeedStatus,
    /// The same in words.
    message: String,
}

/// Cancel a session's turn.
#[utoipa::path(
    post, path = "/cancel/{session_id}", tag = "sessions", operation_id = "cancel_session", params(("session_id" = String, Path)),
    responses(
        (status = OK, description = "The session is cancelled", body = CancelResponse),
        (status = BAD_REQUEST, description = "No turn is under way", body = Refusal),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = NOT_FOUND, description = "No such session", body = Refusal),
    ),
    security(("x-api-key" = ["sessions:write"]), ("bearer" = ["sessions:write"]), ("basic" = ["sessions:write"])),
)]
pub(super) async fn cancel(
    State(state): State<ApiState>,
    caller: TenantCaller<ChangeSessions>,
    name: SessionName,
) -> Result<Json<CancelResponse>, SeedError> {
    let session_id = name.id()?;
    let cancelled = state.sessions.cancel(caller.tenant.id, session_id).await;
    cancelled.map_err(|error| SeedError::cancel(name, error))?;
    let message = format!("Session {session_id} cancelled successfully");
    Ok(Json(CancelResponse { session_id, status: SeedStatus::Cancelled, message }))
}
