//! The account API's one error, in the shape of the admin API's: `{"error":{"code","message"}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::api::admin::{ErrorBody, ErrorDetail};
use crate::store::StoreError;

/// Why a call did nothing.
#[derive(Debug)]
pub(super) enum AccountError {
    /// What was asked for cannot be; the text says why.
    Invalid(String),
    /// The caller may not have that; the text says why.
    Forbidden(String),
    /// There is no such thing.
    NotFound(String),
    /// Too many reports are read at the same time.
    Busy(StoreError),
    /// The server failed; its log says why.
    Internal(StoreError),
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, "invalid_request", message),
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "permission_error", message),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "not_found", message),
            Self::Internal(error) if error.is_transient() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is unavailable");
                let message = "the server cannot use its store at present; try again in a moment".to_owned();
                let body = Json(ErrorBody { error: ErrorDetail { code: "overloaded", message } });
                return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], body).into_response();
            }
            Self::Busy(error) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.to_string()),
            Self::Internal(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a call of the account API failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; try again later".to_owned())
            }
        };
        let body = Json(ErrorBody { error: ErrorDetail { code, message } });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, "1")], body).into_response();
        }
        (status, body).into_response()
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy(error),
            other => Self::Internal(other),
        }
    }
}
