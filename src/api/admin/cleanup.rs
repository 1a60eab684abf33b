//! `/admin/v1/cleanup`: what ended goes for good, and what nobody owns.

use axum::Json;
use axum::extract::State;

use super::{AdminError, ErrorBody};
use crate::admin::{self, CleanupAsk, CleanupReport, Remover};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::JsonBody;

/// Remove sessions that ended, with all they hold, and what nobody owns. What was spent stays in the ledger.
#[utoipa::path(
    post, path = "/admin/v1/cleanup", tag = "admin", operation_id = "clean_up", request_body(content = CleanupAsk, example = json!({"min_ended_hours": 720, "dry_run": true})),
    responses(
        (status = OK, description = "What went, or would go", body = CleanupReport),
        (status = BAD_REQUEST, description = "The tenant or the status is none", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = SERVICE_UNAVAILABLE, description = "The engine or the store does not answer", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn clean_up(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    JsonBody(ask): JsonBody<CleanupAsk>,
) -> Result<Json<CleanupReport>, AdminError> {
    let sessions = state.sessions.clone();
    let cleaning = async move {
        let remover = Remover { store: &state.store, config: &state.config, registry: Some(&state.sessions) };
        admin::clean_up(remover, &ask, &by).await
    };
    // An operator that leaves does not leave it half done and out of the audit.
    Ok(Json(sessions.detached("cleanup", cleaning).await?))
}
