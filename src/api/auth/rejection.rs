//! The answer to who may not come in. Why a key opens nothing is never said, so that nothing can be learned from it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde_json::json;

use super::VerifyError;
use crate::domain::{Allowance, KeyScope};

/// Makes a browser ask for the key, and send it with every request to this origin.
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="innkeeper", charset="UTF-8""#);

/// How to send a key.
macro_rules! how_to_send {
    ($whose:literal) => {
        concat!(
            $whose,
            "; send it in the header `x-api-key: KEY` or `Authorization: Bearer KEY`, or as the user or the password \
             of `Authorization: Basic`, as in http://KEY:@host"
        )
    };
}

/// A request that was not let in.
#[derive(Debug)]
pub struct Rejection {
    pub(super) audience: Audience,
    pub(super) reason: Reason,
}

/// Why a request was not let in.
#[derive(Debug)]
pub(super) enum Reason {
    /// Its key opens nothing, or that cannot be found out now.
    Verify(VerifyError),
    /// Too many wrong keys came from its address.
    TooManyFailures { seconds: u64 },
    /// Its key opens something else.
    WrongScope { missing: KeyScope, allowance: Allowance },
    /// It came with a ticket for a single session.
    OneSession,
    /// It came too soon after others.
    TooFast(Allowance),
    /// A page of another site had a browser make it.
    CrossSite,
    /// It came with a browser's credential, and its body is not JSON.
    NotJson,
    /// It called the listener by a name that is not its own.
    UnknownHost,
}

/// Who reads the answer, which decides its shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audience {
    /// Tenants, whose seed API has an error of its own.
    Tenants,
    /// Tenants, who call the API below `/v1/`.
    Account,
    /// Operators.
    Operators,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let audience = self.audience;
        match self.reason {
            Reason::Verify(VerifyError::Refused) => {
                let header = Some((WWW_AUTHENTICATE, CHALLENGE));
                let message = audience.what_is_missing();
                audience.answer(StatusCode::UNAUTHORIZED, header, "authentication_error", message)
            }
            Reason::Verify(VerifyError::Busy(busy)) => {
                let header = Some(retry_after(1));
                audience.answer(StatusCode::SERVICE_UNAVAILABLE, header, "overloaded", &busy.to_string())
            }
            Reason::Verify(error @ VerifyError::Unavailable) => {
                audience.answer(StatusCode::SERVICE_UNAVAILABLE, Some(retry_after(5)), "overloaded", &error.to_string())
            }
            Reason::Verify(VerifyError::Store(error)) if error.is_transient() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is unavailable");
                let message = "the key cannot be looked up at present; try again in a moment";
                audience.answer(StatusCode::SERVICE_UNAVAILABLE, Some(retry_after(5)), "overloaded", message)
            }
            Reason::Verify(VerifyError::Store(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a key could not be looked up");
                audience.answer(StatusCode::INTERNAL_SERVER_ERROR, None, "internal", "Internal Server Error")
            }
            Reason::TooManyFailures { seconds } => {
                let message = "too many keys from this address opened nothing; wait, and check the key";
                audience.answer(StatusCode::TOO_MANY_REQUESTS, Some(retry_after(seconds)), "rate_limited", message)
            }
            Reason::WrongScope { missing, .. } => {
                let message = format!("this needs the scope `{}`, which the key does not have", missing.as_str());
                audience.answer(StatusCode::FORBIDDEN, None, "permission_error", &message)
            }
            Reason::OneSession => {
                let message = "this ticket opens one session alone; send the key, or a token without a session";
                audience.answer(StatusCode::FORBIDDEN, None, "permission_error", message)
            }
            Reason::CrossSite => {
                let message = "a page of another site made this request with the credential the browser keeps; list the \
                               page's origin in http.cors_origins if it may, or send the key in `x-api-key`";
                audience.answer(StatusCode::FORBIDDEN, None, "permission_error", message)
            }
            Reason::NotJson => {
                let message =
                    "with `Authorization: Basic` the body must be JSON: send `Content-Type: application/json`";
                audience.answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, "unsupported_media_type", message)
            }
            Reason::UnknownHost => {
                let message = "this listener is not called by that name; call it by its address or as `localhost`, or list \
                               the name in http.operator_hosts";
                audience.answer(StatusCode::MISDIRECTED_REQUEST, None, "misdirected_request", message)
            }
            Reason::TooFast(allowance) => {
                let seconds = allowance.retry_after_s().unwrap_or(1);
                let message = format!(
                    "too many calls of the sort `{}`: {} a minute are allowed; try again in {seconds} s",
                    allowance.class.as_str(),
                    allowance.rate.per_minute
                );
                audience.answer(StatusCode::TOO_MANY_REQUESTS, Some(retry_after(seconds)), "rate_limited", &message)
            }
        }
    }
}

fn retry_after(seconds: u64) -> (HeaderName, HeaderValue) {
    (RETRY_AFTER, seconds.into())
}

impl Audience {
    /// Who reads the answers of tenants' listener at `path`.
    pub(super) fn of_tenants(path: &str) -> Self {
        if path.starts_with("/v1/") { Self::Account } else { Self::Tenants }
    }

    fn what_is_missing(self) -> &'static str {
        match self {
            Self::Tenants | Self::Account => how_to_send!("this needs a valid key of a tenant (`ink_live_...`)"),
            Self::Operators => how_to_send!("this needs a valid key of an operator (`ink_admin_...`)"),
        }
    }

    fn answer(
        self,
        status: StatusCode,
        header: Option<(HeaderName, HeaderValue)>,
        code: &str,
        message: &str,
    ) -> Response {
        let body = match self {
            Self::Tenants => json!({ "detail": message }),
            Self::Account | Self::Operators => json!({ "error": { "code": code, "message": message } }),
        };
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().extend(header);
        response
    }
}
