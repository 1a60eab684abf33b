//! `/admin/v1/calls`: the ledger's rows, and putting a call's cost right.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::budgets::amount;
use super::{AdminError, ErrorBody, page_size, reason};
use crate::admin::Names;
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::{JsonBody, Params};
use crate::domain::{By, CallId, SessionId, TenantId, Timestamp, Usd, amount_schema, amount_text};
use crate::store::{Corrected, LedgerEntry, Store};

/// Rows of a list when nothing is said, and at most.
const ROWS: u32 = 50;
const MAX_ROWS: u32 = 1_000;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct CallsAsk {
    /// Those of one session.
    pub session_id: Option<String>,
    /// Those alone whose cost is estimated in part.
    pub estimated: bool,
    /// How many, 1 to 1000. Left out: 50.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// Before this row: `next_before` of the page before.
    pub before: Option<String>,
}

/// A row of the ledger: a call of the model, or what an operator put right of one.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallView {
    /// The row's id.
    #[schema(value_type = String)]
    pub id: CallId,
    /// Who pays.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// That tenant's name.
    pub tenant_name: Option<String>,
    /// The session that called.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// When the call was made.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// The model that answered.
    pub model: String,
    /// The price table it was priced with.
    pub price_version: String,
    /// `open`, `exact`, `estimated` or `correction`.
    pub status: String,
    /// Why the cost is an estimate: `caller_gone`, `drain_timeout`, `no_answer`, `stalled`, `cut`, `too_long`, `unreadable`,
    /// `no_usage`, `invalid_usage`, `unknown_model`, `unknown_modifier`, `error_in_answer`, `unconfirmed_error`, `stopped` or
    /// `crash`.
    pub estimate_reason: Option<String>,
    /// What it cost, or what a correction adds to that: US dollars as text.
    pub cost_usd: String,
    /// The call that a correction corrects.
    #[schema(value_type = Option<String>)]
    pub corrects: Option<CallId>,
    /// Why it was corrected.
    pub reason: Option<String>,
}

/// Rows of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallList {
    /// The rows, the newest first.
    pub data: Vec<CallView>,
    /// What to give as `before` for the next page; null when this is the last.
    #[schema(value_type = Option<String>)]
    pub next_before: Option<CallId>,
}

/// What a call is to cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectCall {
    /// What it costs, in US dollars, as text.
    #[schema(schema_with = amount_schema)]
    #[serde(deserialize_with = "amount_text")]
    cost_usd: String,
    /// Why: kept with it.
    #[schema(example = "the provider's invoice says so")]
    reason: String,
}

/// What came of a correction.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorrectedView {
    /// What the call cost until now.
    pub before_usd: String,
    /// What it costs.
    pub after_usd: String,
}

/// List the ledger's newest rows.
#[utoipa::path(
    get, path = "/admin/v1/calls", tag = "admin", operation_id = "list_calls", params(CallsAsk),
    responses(
        (status = OK, description = "The rows", body = CallList),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn list(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Params(ask): Params<CallsAsk>,
) -> Result<Json<CallList>, AdminError> {
    Ok(Json(list_calls(&state.store, &ask).await?))
}

/// Put a call's cost right, in its turn, in the time it was made in, and in every budget it counted in. The ledger keeps
/// the row as it was and gets another.
#[utoipa::path(
    post, path = "/admin/v1/calls/{id}/correct", tag = "admin", operation_id = "correct_call",
    params(("id" = String, Path, description = "The call's id")), request_body = CorrectCall,
    responses(
        (status = OK, description = "What it cost, and costs", body = CorrectedView),
        (status = BAD_REQUEST, description = "The cost or the reason cannot be used, or the call is open", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such call", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn correct(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(CorrectCall { cost_usd, reason }): JsonBody<CorrectCall>,
) -> Result<Json<CorrectedView>, AdminError> {
    Ok(Json(correct_call(&state.store, &id, &cost_usd, &reason, &by).await?))
}

/// The ledger's newest rows.
///
/// # Errors
/// When the session's id is none, or the store fails.
pub async fn list_calls(store: &Store, ask: &CallsAsk) -> Result<CallList, AdminError> {
    let session = ask
        .session_id
        .as_deref()
        .map(|text| text.parse::<SessionId>().map_err(|_| AdminError::Invalid(format!("`{text}` is no session's id"))));
    let before = ask
        .before
        .as_deref()
        .map(|text| text.parse::<CallId>().map_err(|_| AdminError::Invalid(format!("`{text}` is no call's id"))));
    let limit = page_size(ask.limit, ROWS, MAX_ROWS)?;
    let _place = store.report(None).await?;
    let (session, before) = (session.transpose()?, before.transpose()?);
    let mut rows = store.ledger().newest(session, ask.estimated, before, limit + 1).await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_before = rows.last().filter(|_| has_more).map(|row| row.id);
    let names = Names::read(store).await?;
    let view = |row: LedgerEntry| CallView { tenant_name: names.of(row.tenant), ..CallView::from(row) };
    Ok(CallList { data: rows.into_iter().map(view).collect(), next_before })
}

/// Puts a call's cost right.
///
/// # Errors
/// When there is no such call, it is open, the cost is no amount, or no reason is given.
pub async fn correct_call(
    store: &Store,
    id: &str,
    cost_usd: &str,
    why: &str,
    by: &By,
) -> Result<CorrectedView, AdminError> {
    const MISSING: AdminError = AdminError::NotFound("there is no such call");
    let id = id.parse::<CallId>().map_err(|_| MISSING)?;
    match store.ledger().correct(id, amount(cost_usd, Usd::MAX_CALL)?, reason(why)?, by).await? {
        Corrected::Yes { before, after } => {
            Ok(CorrectedView { before_usd: before.to_string(), after_usd: after.to_string() })
        }
        Corrected::Open => {
            let why = "the call is open: wait until it is settled; what a crash left open is charged by the next start";
            Err(AdminError::Invalid(why.to_owned()))
        }
        Corrected::Missing => Err(MISSING),
    }
}

impl From<LedgerEntry> for CallView {
    fn from(row: LedgerEntry) -> Self {
        let (corrects, reason) = row.corrects.unzip();
        Self {
            id: row.id,
            tenant_id: row.tenant,
            tenant_name: None,
            session_id: row.session,
            opened_at: row.opened_at,
            model: row.model,
            price_version: row.price_version,
            status: row.status,
            estimate_reason: row.estimate_reason,
            cost_usd: row.cost.to_string(),
            corrects,
            reason,
        }
    }
}
