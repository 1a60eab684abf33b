//! `DELETE /sessions/{session_id}`: forgets a session at rest. What it cost stays in the ledger.

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

/// A session that was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeleteResponse {
    /// Its id.
    #[schema(value_type = String)]
    session_id: SessionId,
    /// How it stood before.
    #[schema(example = "completed")]
    status: SeedStatus,
    /// What happened, in words.
    message: String,
}

/// Delete a session at rest.
#[utoipa::path(
    delete, path = "/sessions/{session_id}", tag = "sessions", operation_id = "delete_session", params(("session_id" = String, Path)),
    responses(
        (status = OK, description = "The session was deleted", body = DeleteResponse),
        (status = BAD_REQUEST, description = "A turn is under way", body = Refusal),
        (status = UNAUTHORIZED, description = "No valid key", body = Refusal),
        (status = NOT_FOUND, description = "No such session", body = Refusal),
    ),
    security(("x-api-key" = ["sessions:write"]), ("bearer" = ["sessions:write"]), ("basic" = ["sessions:write"])),
)]
pub(super) async fn delete(
    State(state): State<ApiState>,
    caller: TenantCaller<ChangeSessions>,
    name: SessionName,
) -> Result<Json<DeleteResponse>, SeedError> {
    let session_id = name.id()?;
    let deleted = state.sessions.delete(caller.tenant.id, session_id).await;
    let status = deleted.map_err(|error| SeedError::delete(name, error))?;
    let message = format!("Session {session_id} deleted successfully");
    Ok(Json(DeleteResponse { session_id, status, message }))
}
