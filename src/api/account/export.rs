//! `GET /v1/usage/export`: what a tenant spent by day, session, model and key, as rows for chargeback.

use axum::extract::State;
use axum::response::Response;

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::ErrorBody;
use crate::api::auth::{ReadUsage, TenantCaller};
use crate::api::export::{ExportAsk, ExportError, respond};
use crate::api::input::Params;

/// Export what the tenant spent: a row for each day in UTC, session, model, key and price table, and one for each correction.
///
/// A call counts on the day it was made, a correction on the day it was made. Rows with `final` never change. As CSV, or as JSON
/// lines with the columns of FOCUS 1.2.
#[utoipa::path(
    get, path = "/v1/usage/export", tag = "account", operation_id = "export_usage", params(ExportAsk),
    responses(
        (status = OK, description = "The rows; an answer that breaks off is not the whole",
            content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
    ),
    security(("x-api-key" = ["usage:read"]), ("bearer" = ["usage:read"]), ("basic" = ["usage:read"])),
)]
pub(super) async fn export(
    State(state): State<ApiState>,
    caller: TenantCaller<ReadUsage>,
    Params(ask): Params<ExportAsk>,
) -> Result<Response, AccountError> {
    let now = state.clock.now();
    let plan = ask.plan(Some(caller.tenant.id), now)?;
    Ok(respond(&state.store, &plan, false, now).await?)
}

impl From<ExportError> for AccountError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Invalid(message) => Self::Invalid(message),
            ExportError::Store(error) => Self::Internal(error),
        }
    }
}
