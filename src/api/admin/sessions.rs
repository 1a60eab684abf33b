//! `/admin/v1/sessions`: sessions of all tenants.

use axum::Json;
use axum::extract::{Path, State};

use super::{AdminError, ErrorBody};
use crate::admin::{SessionDetail, SessionPage, SessionsAsk, sessions};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::Params;

/// List sessions of all tenants, the latest first. No prompt and no message is shown.
#[utoipa::path(
    get, path = "/admin/v1/sessions", tag = "admin", operation_id = "list_all_sessions", params(SessionsAsk),
    responses(
        (status = OK, description = "A page of them", body = SessionPage),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn list(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Params(ask): Params<SessionsAsk>,
) -> Result<Json<SessionPage>, AdminError> {
    Ok(Json(sessions::list(&state.store, &ask, state.clock.now()).await?))
}

/// Show a session of any tenant, with its turns.
#[utoipa::path(
    get, path = "/admin/v1/sessions/{id}", tag = "admin", operation_id = "get_any_session",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = OK, description = "The session", body = SessionDetail),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such session", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn get(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<SessionDetail>, AdminError> {
    Ok(Json(sessions::show(&state.store, Some(&state.sessions), &id).await?))
}

/// Cancel the turn under way of a session of any tenant. It is over when this is answered.
#[utoipa::path(
    post, path = "/admin/v1/sessions/{id}/cancel", tag = "admin", operation_id = "cancel_any_session",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = OK, description = "The session as it is now", body = SessionDetail),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such session", body = ErrorBody),
        (status = CONFLICT, description = "No turn is under way", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn cancel(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<SessionDetail>, AdminError> {
    Ok(Json(sessions::cancel(&state.store, Some(&state.sessions), &id, &by).await?))
}
