//! Failures as the model API words them: a status, and an envelope that names the kind of error.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// A refusal or failure that goes out in the API's error envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    /// The HTTP status of the answer.
    pub(super) status: StatusCode,
    /// The `error.type` that clients branch on.
    pub(super) kind: String,
    /// What a person reads.
    pub(super) message: String,
    /// After how many seconds a client should try again.
    pub(super) retry_after: Option<u64>,
}

impl ApiError {
    /// An error of the kind that usually goes with `status`.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, kind: kind_of(status).to_owned(), message: message.into(), retry_after: None }
    }

    /// The request, or the script in it, does not make sense.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The body: also what an `error` event in the middle of a stream carries.
    pub(super) fn envelope(&self, request_id: &str) -> Value {
        json!({
            "type": "error",
            "error": {"type": self.kind, "message": self.message},
            "request_id": request_id,
        })
    }

    /// The whole answer.
    pub(super) fn into_response(self, request_id: &str) -> Response {
        let mut response = (self.status, Json(self.envelope(request_id))).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The kind of error that the API answers with `status`.
fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// The status that goes with a kind of error, for one that could not be told in the middle of a stream.
pub(super) fn status_of(kind: &str) -> StatusCode {
    let status = match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
