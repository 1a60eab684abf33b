//! What the gateway answers by itself, in the shape of the model API's errors: their reader is the agent, which shows the
//! message to its user and repeats the call unless it is told that repeating is of no use.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use crate::domain::{Allowance, Budget, RateClass, Standing, TenantId, Timestamp, Usd};
use crate::metrics;
use crate::metrics::catalogue::GATEWAY_REFUSALS;

/// Tells the agent whether repeating the call may help.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Characters of a model's name that are repeated in a message.
const SHOWN_NAME: usize = 100;

/// An error in the place of an answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
    /// Whether the agent may try again.
    may_pass: bool,
    /// When trying again may help, in seconds.
    retry_after: Option<i64>,
    /// Why a call was not made, as a label of the metrics; none when it was made, or nobody is there to be told.
    reason: Option<&'static str>,
}

impl Refusal {
    fn lasting(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), may_pass: false, retry_after: None, reason: None }
    }

    fn passing(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, kind: "api_error", message: message.into(), may_pass: true, retry_after: None, reason: None }
    }

    fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The same, counted for a tenant when it stands in the place of a call.
    pub(super) fn counted(self, tenant: TenantId) -> Self {
        if let Some(reason) = self.reason {
            GATEWAY_REFUSALS.one([&metrics::tenant(tenant), reason]);
        }
        self
    }

    /// The path or method leads nowhere.
    pub(super) fn unknown_path() -> Self {
        Self::lasting(StatusCode::NOT_FOUND, "not_found_error", "there is nothing here but the Messages API")
    }

    /// The body is larger than what is read.
    pub(super) fn too_large(limit_bytes: usize) -> Self {
        let message = format!("the request is larger than the {limit_bytes} bytes that are accepted here");
        Self::lasting(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message).because("request")
    }

    /// There is no memory for the body now.
    pub(super) fn no_memory() -> Self {
        Self::passing(StatusCode::SERVICE_UNAVAILABLE, "too many large requests are being read; try again in a moment")
            .because("request")
    }

    /// The body is not a call to the model.
    pub(super) fn malformed(reason: impl std::fmt::Display) -> Self {
        let message = format!("the request body is not a call to the model: {reason}");
        Self::lasting(StatusCode::BAD_REQUEST, "invalid_request_error", message).because("request")
    }

    /// The call would cost something that cannot be computed.
    pub(super) fn unpriceable(what: &str) -> Self {
        let message = format!("{what} cannot be used here, because it has no price in this installation");
        Self::lasting(StatusCode::BAD_REQUEST, "invalid_request_error", message).because("unpriceable")
    }

    /// The model asked for is not in the price table.
    pub(super) fn unpriced_model(model: &str) -> Self {
        let name: String = model.chars().take(SHOWN_NAME).collect();
        let message = format!("the model `{name}` has no price in this installation, so it cannot be used here");
        Self::lasting(StatusCode::NOT_FOUND, "not_found_error", message).because("model")
    }

    /// The request carries something that is not on the list of what a call may carry.
    pub(super) fn not_accepted(what: impl std::fmt::Display) -> Self {
        let message = format!("the call cannot be accepted: {what}");
        Self::lasting(StatusCode::BAD_REQUEST, "invalid_request_error", message).because("unpriceable")
    }

    /// The model asked for is not in the tenant's list.
    pub(super) fn model_not_allowed(model: &str, allowed: &[String]) -> Self {
        let name: String = model.chars().take(SHOWN_NAME).collect();
        let message = format!("the model `{name}` is not allowed for this tenant; allowed are: {}", allowed.join(", "));
        Self::lasting(StatusCode::NOT_FOUND, "not_found_error", message).because("model")
    }

    /// A budget is spent. The agent shows the message to its user and does not try again.
    pub(super) fn spent(standing: &Standing, now: Timestamp) -> Self {
        let (Budget { scope, period, .. }, limit) = (&standing.budget, standing.limit());
        let ends_at = period.ends_at(now);
        let until = match ends_at {
            Some(moment) => format!("a {}; begins anew at {}", period.as_str(), minute(moment)),
            None => "in total".to_owned(),
        };
        let message = format!("spend limit reached: the {}'s budget is ${limit} {until}", scope.kind());
        let retry_after = ends_at.map(|moment| moment.millis_since(now) / 1_000 + 1);
        Self { retry_after, ..Self::lasting(StatusCode::TOO_MANY_REQUESTS, "billing_error", message).because("budget") }
    }

    /// What is left of a budget is held by calls under way. The agent comes again at once, and finds its place in the line.
    pub(super) fn held(standing: &Standing) -> Self {
        let message = format!("calls under way hold what is left of the {}'s budget", standing.budget.scope.kind());
        let refusal = Self::passing(StatusCode::TOO_MANY_REQUESTS, message).because("held");
        Self { kind: "rate_limit_error", retry_after: Some(1), ..refusal }
    }

    /// The call could cost more than any call may.
    pub(super) fn excessive(amount: Usd) -> Self {
        let message = format!("the call could cost ${amount}; no call may cost more than ${} here", Usd::MAX_CALL);
        Self::lasting(StatusCode::BAD_REQUEST, "invalid_request_error", message).because("request")
    }

    /// Calls come too fast. The agent waits and calls again.
    pub(super) fn too_soon(allowance: &Allowance) -> Self {
        let whose = if allowance.class == RateClass::SessionMessages { "session" } else { "tenant" };
        let message = format!("the {whose} calls the model faster than {} times a minute", allowance.rate.per_minute);
        let refusal = Self::passing(StatusCode::TOO_MANY_REQUESTS, message).because("rate");
        let retry_after = allowance.retry_after_s().and_then(|seconds| seconds.try_into().ok());
        Self { kind: "rate_limit_error", retry_after, ..refusal }
    }

    /// Of what sort it is. What it says may repeat what was asked, which is not for the log.
    pub(super) fn sort(&self) -> &'static str {
        self.kind
    }

    /// Its status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What it says.
    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The ledger cannot be written, so nothing may be spent.
    pub(super) fn no_ledger() -> Self {
        let message = "the call cannot be accounted for at the moment, so it was not made";
        Self::lasting(StatusCode::SERVICE_UNAVAILABLE, "api_error", message).because("ledger")
    }

    /// The sandbox or the server is at its end.
    pub(super) fn ended() -> Self {
        Self::lasting(StatusCode::SERVICE_UNAVAILABLE, "api_error", "the session's sandbox is being stopped")
    }

    /// The model API refuses the key of the installation. The agent does not see an authentication error: its user could do nothing
    /// about it.
    pub(super) fn key_refused() -> Self {
        let message = "the model API does not serve this installation at the moment: its operator has to look at it";
        Self::lasting(StatusCode::SERVICE_UNAVAILABLE, "api_error", message)
    }

    /// The model API was not reached.
    pub(super) fn unreachable() -> Self {
        Self::passing(StatusCode::BAD_GATEWAY, "the model API cannot be reached from this installation")
    }

    /// The model API broke off.
    pub(super) fn broken() -> Self {
        Self::passing(StatusCode::BAD_GATEWAY, "the connection to the model API broke before its answer was complete")
    }

    /// The model API did not answer in time.
    pub(super) fn no_answer(limit: Duration) -> Self {
        let message = format!("the model API sent nothing for {} ms", limit.as_millis());
        Self::passing(StatusCode::GATEWAY_TIMEOUT, message)
    }

    /// The same in the place of an answer of the model API.
    pub(super) fn document(&self) -> http::Response<String> {
        let mut response = http::Response::new(self.body());
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !self.may_pass {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    fn body(&self) -> String {
        json!({ "type": "error", "error": { "type": self.kind, "message": self.message } }).to_string()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.document().map(Body::from)
    }
}

/// A moment as people write it, to the minute.
fn minute(moment: Timestamp) -> String {
    let text = moment.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// The event that ends a stream in which the model has said nothing for `limit`. It begins with a line end, because the
/// stream may stand still in the middle of a line.
pub(super) fn idle_event(limit: Duration) -> Bytes {
    let message = format!("the model's answer stood still for {} ms, so it was ended as idle", limit.as_millis());
    let error = Refusal::passing(StatusCode::GATEWAY_TIMEOUT, message).body();
    Bytes::from(format!("\n\nevent: error\ndata: {error}\n\n"))
}
