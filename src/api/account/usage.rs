//! `GET /v1/usage`: what a tenant spent, by day, model, key or session, as JSON or CSV.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::ErrorBody;
use crate::api::auth::{ReadUsage, TenantCaller};
use crate::domain::{Period, Timestamp};
use crate::store::{Spending, SpendingBy};

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// `day`, `model`, `key` or `session`. Left out: `day`.
    by: Option<String>,
    /// From this moment on, as `2026-11-01T00:00:00Z`. Left out: from the beginning of this month in UTC.
    from: Option<String>,
    /// Before this moment. Left out: until now.
    to: Option<String>,
    /// `json` or `csv`. Left out: `json`.
    format: Option<String>,
}

/// What was spent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageReport {
    /// From this moment on.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Before this moment.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// What the lines are summed by.
    by: String,
    /// The sums, in the order in which their first calls were made.
    data: Vec<UsageLine>,
}

/// A sum of model calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageLine {
    /// The day in UTC, the model, the key's public part, or the session.
    group: String,
    /// How many calls of the model.
    calls: u64,
    /// How many of them are estimated in part, because the provider was not heard to the end.
    estimated_calls: u64,
    /// Tokens of input that the cache has no part in.
    input_tokens: u64,
    /// Tokens of output, thinking included.
    output_tokens: u64,
    /// Tokens of input read from the cache.
    cache_read_tokens: u64,
    /// Tokens of input written to the cache.
    cache_write_tokens: u64,
    /// Web searches.
    web_search_requests: u64,
    /// What it cost: US dollars as text, with all their digits.
    cost_usd: String,
}

/// Show what the tenant spent.
#[utoipa::path(
    get, path = "/v1/usage", tag = "account", params(Ask),
    responses(
        (status = OK, body = UsageReport),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key; `detail` says how to send one"),
    ),
    security(("x-api-key" = ["usage:read"]), ("bearer" = ["usage:read"]), ("basic" = ["usage:read"])),
)]
pub(super) async fn usage(
    State(state): State<ApiState>,
    caller: TenantCaller<ReadUsage>,
    ask: Result<Query<Ask>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, AccountError> {
    let Query(ask) = ask.map_err(|rejection| AccountError::Invalid(rejection.body_text()))?;
    let now = state.clock.now();
    let by = ask.by.as_deref().unwrap_or("day");
    let grouping = match by {
        "day" => SpendingBy::Day,
        "model" => SpendingBy::Model,
        "key" => SpendingBy::Key,
        "session" => SpendingBy::Session,
        other => return Err(AccountError::Invalid(format!("`by` is day, model, key or session, not `{other}`"))),
    };
    let from = ask.from.as_deref().map(moment).transpose()?.unwrap_or_else(|| Period::Month.starts_at(now));
    let to = ask.to.as_deref().map(moment).transpose()?.unwrap_or(now);
    let spending = state.store.ledger().spending(caller.tenant.id, from, to, grouping).await?;
    let data: Vec<_> = spending.into_iter().map(UsageLine::from).collect();
    match ask.format.as_deref().unwrap_or("json") {
        "json" => Ok(Json(UsageReport { from, to, by: by.to_owned(), data }).into_response()),
        "csv" => Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&data)).into_response()),
        other => Err(AccountError::Invalid(format!("`format` is json or csv, not `{other}`"))),
    }
}

fn moment(text: &str) -> Result<Timestamp, AccountError> {
    let moment = Timestamp::parse(text);
    moment.ok_or_else(|| AccountError::Invalid(format!("`{text}` is no time like 2026-11-01T00:00:00Z")))
}

/// The lines as CSV, with a line of names first.
fn csv(lines: &[UsageLine]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line).expect("a line is a plain record, and memory takes it");
    }
    let bytes = writer.into_inner().expect("memory takes what is left");
    String::from_utf8(bytes).expect("CSV of text is text")
}

impl From<Spending> for UsageLine {
    fn from(spending: Spending) -> Self {
        let Spending { group, calls, estimated, usage, cost } = spending;
        Self {
            group,
            calls,
            estimated_calls: estimated,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            web_search_requests: usage.web_search_requests,
            cost_usd: cost.to_string(),
        }
    }
}
