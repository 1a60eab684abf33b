//! The answer to who may not come in: the same for every reason, so that nothing can be learned from it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde_json::json;

use super::VerifyError;

/// Makes a browser ask for the key, and send it with every request to this origin.
const CHALLENGE: &str = r#"Basic realm="innkeeper", charset="UTF-8""#;

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
    pub(super) reason: VerifyError,
}

/// Who reads the answer, which decides its shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audience {
    Tenants,
    Operators,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self.reason {
            VerifyError::Refused => {
                let header = [(WWW_AUTHENTICATE, CHALLENGE)];
                let message = self.audience.what_is_missing();
                self.audience.answer(StatusCode::UNAUTHORIZED, header, "authentication_error", message)
            }
            VerifyError::Busy(busy) => {
                let header = [(RETRY_AFTER, "1")];
                self.audience.answer(StatusCode::SERVICE_UNAVAILABLE, header, "overloaded", &busy.to_string())
            }
            VerifyError::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a key could not be looked up");
                self.audience.answer(StatusCode::INTERNAL_SERVER_ERROR, [], "internal", "Internal Server Error")
            }
        }
    }
}

impl Audience {
    fn what_is_missing(self) -> &'static str {
        match self {
            Self::Tenants => how_to_send!("this needs a valid key of a tenant (`ink_live_...`)"),
            Self::Operators => how_to_send!("this needs a valid key of an operator (`ink_admin_...`)"),
        }
    }

    fn answer<const N: usize>(
        self,
        status: StatusCode,
        headers: [(HeaderName, &'static str); N],
        code: &str,
        message: &str,
    ) -> Response {
        let body = match self {
            Self::Tenants => json!({ "detail": message }),
            Self::Operators => json!({ "error": { "code": code, "message": message } }),
        };
        (status, headers, Json(body)).into_response()
    }
}
