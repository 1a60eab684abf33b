//! `GET /v1/budget`: what a tenant may spend, and what is left of it.

use axum::Json;
use axum::extract::State;

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::{BudgetList, ErrorBody};
use crate::api::auth::{ReadUsage, TenantCaller};

/// Show the budgets of the tenant and of its keys, and how they stand. There may be none: then only the installation bounds its spending.
#[utoipa::path(
    get, path = "/v1/budget", tag = "account", operation_id = "get_budget",
    responses(
        (status = OK, description = "The budgets that bound the tenant", body = BudgetList),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
        (status = SERVICE_UNAVAILABLE, description = "Too many reports are read at the same time", body = ErrorBody),
    ),
    security(("x-api-key" = ["usage:read"]), ("bearer" = ["usage:read"]), ("basic" = ["usage:read"])),
)]
pub(super) async fn budget(
    State(state): State<ApiState>,
    caller: TenantCaller<ReadUsage>,
) -> Result<Json<BudgetList>, AccountError> {
    let now = state.clock.now();
    let _place = state.store.report(Some(caller.tenant.id)).await?;
    let standings = state.store.budgets().of_tenant(caller.tenant.id, now).await?;
    Ok(Json(BudgetList::read(&state.store, &standings, now).await?))
}
