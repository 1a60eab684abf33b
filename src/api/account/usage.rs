//! `GET /v1/usage`: what a tenant spent, by day, model, key or session, page by page, as JSON or CSV.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LINK};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::ErrorBody;
use crate::api::auth::{ReadUsage, TenantCaller};
use crate::api::input::Params;
use crate::domain::{Day, Period, Timestamp};
use crate::store::{Spending, SpendingBy, SpendingPage};

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Ask {
    /// What is summed. Left out: `day`.
    #[param(inline, value_type = Option<Grouping>)]
    by: Option<String>,
    /// From this moment on, as `2026-11-01T00:00:00Z`. Left out: from the beginning of this month in UTC.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Before this moment. Left out: until now.
    #[param(format = DateTime)]
    to: Option<String>,
    /// How it is written. Left out: `json`.
    #[param(inline, value_type = Option<ReportFormat>)]
    format: Option<String>,
    /// How many sums at most: 1 to 1000. Left out: 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The group after which the page begins: `next_after` of the page before.
    after: Option<String>,
}

/// What a report sums its calls by.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes a parameter, which is read so that its error says what there is")]
enum Grouping {
    /// The day in UTC.
    Day,
    /// The model.
    Model,
    /// The key.
    Key,
    /// The session.
    Session,
}

/// How a report is written.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes a parameter, which is read so that its error says what there is")]
enum ReportFormat {
    /// A JSON object.
    Json,
    /// CSV with a line of names first.
    Csv,
}

/// Sums of a page when nothing is said, and at most.
const MAX_PAGE: u32 = 1_000;

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
    /// The sums: days, models and keys in the order in which their first calls were made, sessions by their ids.
    data: Vec<UsageLine>,
    /// What to give as `after` for the next page, with this `from` and `to`; null when this is the last.
    next_after: Option<String>,
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
///
/// As CSV, the header `Link` leads to the next page.
#[utoipa::path(
    get, path = "/v1/usage", tag = "account", operation_id = "get_usage", params(Ask),
    responses(
        (status = OK, description = "What was spent",
            content((UsageReport = "application/json"), (String = "text/csv"))),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
        (status = SERVICE_UNAVAILABLE, description = "Too many reports are read at the same time", body = ErrorBody),
    ),
    security(("x-api-key" = ["usage:read"]), ("bearer" = ["usage:read"]), ("basic" = ["usage:read"])),
)]
pub(super) async fn usage(
    State(state): State<ApiState>,
    caller: TenantCaller<ReadUsage>,
    Params(ask): Params<Ask>,
) -> Result<Response, AccountError> {
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
    let limit = page_size(ask.limit)?;
    if let (SpendingBy::Day, Some(after)) = (grouping, &ask.after)
        && Day::parse(after).is_none()
    {
        return Err(AccountError::Invalid(format!("`after` is a day like 2026-11-01 here, not `{after}`")));
    }
    let format = ask.format.as_deref().unwrap_or("json");
    if !["json", "csv"].contains(&format) {
        return Err(AccountError::Invalid(format!("`format` is json or csv, not `{format}`")));
    }
    // One more than is shown, to know whether there is a next page.
    let page = SpendingPage { from, to, by: grouping, after: ask.after, limit: limit + 1 };
    let place = state.store.report(Some(caller.tenant.id)).await?;
    let spending = state.store.ledger().spending(caller.tenant.id, &page).await?;
    drop(place);
    let mut data: Vec<_> = spending.into_iter().map(UsageLine::from).collect();
    let has_more = data.len() > limit as usize;
    data.truncate(limit as usize);
    let next_after = data.last().filter(|_| has_more).map(|line| line.group.clone());
    let next = next_after.as_ref().and_then(|after| {
        let after = utf8_percent_encode(after, NON_ALPHANUMERIC);
        let link = format!("</v1/usage?by={by}&from={from}&to={to}&format={format}&limit={limit}&after={after}>");
        HeaderValue::try_from(format!("{link}; rel=\"next\"")).ok()
    });
    let mut response = match format {
        "csv" => ([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&data)).into_response(),
        _ => Json(UsageReport { from, to, by: by.to_owned(), data, next_after }).into_response(),
    };
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

fn page_size(limit: Option<u32>) -> Result<u32, AccountError> {
    let limit = limit.unwrap_or(MAX_PAGE);
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(AccountError::Invalid(format!("`limit` is 1 to {MAX_PAGE}, not {limit}")))
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
            cache_write_tokens: usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens),
            web_search_requests: usage.web_search_requests,
            cost_usd: cost.to_string(),
        }
    }
}
