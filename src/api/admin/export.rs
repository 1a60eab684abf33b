//! `GET /admin/v1/usage/export`: what all tenants spent, or one, as rows for chargeback.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{AdminError, ErrorBody};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::export::{ExportAsk, ExportError, ExportFormat, respond, tenant_named};
use crate::api::input::Params;

/// What is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Ask {
    /// One tenant alone, by its id or its name. Left out: all of them.
    tenant: Option<String>,
    /// From this day in UTC on, as `2026-11-01`. Left out: the first of this month.
    #[param(format = Date)]
    from: Option<String>,
    /// Before this day in UTC. Left out: through today.
    #[param(format = Date)]
    to: Option<String>,
    /// `csv`, or `focus` for JSON lines with the columns of FOCUS. Left out: `csv`.
    #[param(inline, value_type = Option<ExportFormat>)]
    format: Option<String>,
}

/// Export what tenants spent: a row for each tenant, day in UTC, session, model, key and price table, and one for each
/// correction.
///
/// A call counts on the day it was made, a correction on the day it was made. Rows with `final` never change. As CSV, or as JSON
/// lines with the columns of FOCUS 1.2.
#[utoipa::path(
    get, path = "/admin/v1/usage/export", tag = "admin", operation_id = "export_usage_of_all", params(Ask),
    responses(
        (status = OK, description = "The rows; an answer that breaks off is not the whole",
            content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn export(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Params(Ask { tenant, from, to, format }): Params<Ask>,
) -> Result<Response, AdminError> {
    let now = state.clock.now();
    let tenant = match tenant {
        Some(tenant) => Some(tenant_named(&state.store, &tenant).await?),
        None => None,
    };
    let plan = ExportAsk { from, to, format }.plan(tenant, now)?;
    Ok(respond(&state.store, &plan, true, now).await?)
}

impl From<ExportError> for AdminError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Invalid(message) => Self::Invalid(message),
            ExportError::Store(error) => Self::Internal(error),
        }
    }
}
