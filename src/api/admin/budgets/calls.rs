//! `/admin/v1/budgets`: how much may be spent, by whom, in which time.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::{AdminError, ErrorBody};
use super::{
    BudgetList, BudgetView, BudgetsAsk, NewBudget, archive_budget, create_budget, list_budgets, top_up_budget,
    update_budget,
};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::{JsonBody, Params};
use crate::domain::{Enforcement, amount_schema, amount_text, optional_amount_schema, optional_amount_text};

/// What is to be changed of a budget.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::admin) struct ChangedBudget {
    /// How much, in US dollars, as text.
    #[serde(default, deserialize_with = "optional_amount_text")]
    #[schema(schema_with = optional_amount_schema, required = false)]
    limit_usd: Option<String>,
    /// `hard` or `soft`.
    enforcement: Option<Enforcement>,
}

/// Money on top of a budget.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::admin) struct TopUp {
    /// How much more may be spent in the present window, in US dollars, as text.
    #[schema(schema_with = amount_schema)]
    #[serde(deserialize_with = "amount_text")]
    amount_usd: String,
    /// Why: kept with it.
    #[schema(example = "release week, agreed with finance")]
    reason: String,
}

/// Create a budget.
#[utoipa::path(
    post, path = "/admin/v1/budgets", tag = "admin", operation_id = "create_budget", request_body(content = NewBudget, example = json!({"scope": {}, "period": "month", "limit_usd": "50.00"})),
    responses(
        (status = CREATED, description = "The budget, in force from now on", body = BudgetView),
        (status = BAD_REQUEST, description = "The scope or the limit cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(in crate::api::admin) async fn create(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    JsonBody(new): JsonBody<NewBudget>,
) -> Result<(StatusCode, Json<BudgetView>), AdminError> {
    Ok((StatusCode::CREATED, Json(create_budget(&state.store, new, &by).await?)))
}

/// List the budgets in force.
#[utoipa::path(
    get, path = "/admin/v1/budgets", tag = "admin", operation_id = "list_budgets", params(BudgetsAsk),
    responses(
        (status = OK, description = "A page of them, oldest first", body = BudgetList),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(in crate::api::admin) async fn list(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Params(ask): Params<BudgetsAsk>,
) -> Result<Json<BudgetList>, AdminError> {
    Ok(Json(list_budgets(&state.store, &ask, &*state.clock).await?))
}

/// Change a budget's limit or enforcement. It counts from the next call on.
#[utoipa::path(
    patch, path = "/admin/v1/budgets/{id}", tag = "admin", operation_id = "update_budget",
    params(("id" = String, Path, description = "The budget's id")), request_body(content = ChangedBudget, example = json!({"limit_usd": "75.00"})),
    responses(
        (status = OK, description = "The budget as it is now", body = BudgetView),
        (status = BAD_REQUEST, description = "The limit cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such budget", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(in crate::api::admin) async fn update(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(changed): JsonBody<ChangedBudget>,
) -> Result<Json<BudgetView>, AdminError> {
    let limit = changed.limit_usd.as_deref();
    Ok(Json(update_budget(&state.store, &id, limit, changed.enforcement, &by).await?))
}

/// Archive a budget: it bounds nothing any more.
#[utoipa::path(
    delete, path = "/admin/v1/budgets/{id}", tag = "admin", operation_id = "archive_budget",
    params(("id" = String, Path, description = "The budget's id")),
    responses(
        (status = NO_CONTENT, description = "It bounds nothing any more"),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such budget", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(in crate::api::admin) async fn archive(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, AdminError> {
    archive_budget(&state.store, &id, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a budget more for its present window alone.
#[utoipa::path(
    post, path = "/admin/v1/budgets/{id}/top_up", tag = "admin", operation_id = "top_up_budget",
    params(("id" = String, Path, description = "The budget's id")), request_body(content = TopUp, example = json!({"amount_usd": "20.00", "reason": "a release week"})),
    responses(
        (status = OK, description = "The budget as it is now", body = BudgetView),
        (status = BAD_REQUEST, description = "The amount or the reason cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such budget", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(in crate::api::admin) async fn top_up(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(TopUp { amount_usd, reason }): JsonBody<TopUp>,
) -> Result<Json<BudgetView>, AdminError> {
    Ok(Json(top_up_budget(&state.store, &id, &amount_usd, &reason, &by).await?))
}
