//! What the account and the admin API are given: JSON objects and parameters that have the fields a call takes, and no others.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use super::admin::{ErrorBody, ErrorDetail};
use crate::domain::Object;
use crate::net::BodyError;

/// The longest JSON body of these APIs.
const MAX_JSON_BYTES: usize = 1 << 20;

/// The JSON object in a request's body. A request without a body is `{}`.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

/// The parameters of a request's address.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

/// Why a body did not arrive.
#[derive(Debug)]
pub(super) enum UnreadBody {
    /// It is larger than `limit` bytes.
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// It could not be waited for.
    Guard(BodyError),
    /// The connection broke, or the body is not framed as HTTP has it.
    Broken,
}

/// Why what was given cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// The body could not be waited for.
    #[error(transparent)]
    Guard(BodyError),
    /// The body did not arrive.
    #[error("the body did not arrive whole")]
    Broken,
    /// The body has no content type.
    #[error("the body has no content type: send the header `Content-Type: application/json`")]
    NoContentType,
    /// The body has another content type.
    #[error("the content type of the body is `{0}`: send JSON, with the header `Content-Type: application/json`")]
    OtherContentType(String),
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// The body is JSON, but not what the call takes.
    #[error("{0}")]
    Unfit(String),
    /// A parameter cannot be understood.
    #[error("{0}")]
    Parameter(String),
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// When it is larger, or does not arrive.
pub(super) async fn read_body(body: Body, limit: usize) -> Result<Bytes, UnreadBody> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut causes = std::iter::successors(std::error::Error::source(&error), |&cause| cause.source());
        let error = causes.find_map(|cause| match cause.downcast_ref::<BodyError>() {
            Some(error) => Some(UnreadBody::Guard(*error)),
            None => cause.is::<LengthLimitError>().then_some(UnreadBody::TooLarge { limit }),
        });
        error.unwrap_or(UnreadBody::Broken)
    })
}

/// Whether a content type says that the body is JSON.
pub(super) fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = InputError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, InputError> {
        let (head, body) = request.into_parts();
        let bytes = read_body(body, MAX_JSON_BYTES).await?;
        if bytes.is_empty() {
            return parse(b"{}");
        }
        check_content_type(&head.headers)?;
        parse(&bytes)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = InputError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, InputError> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query.map(|Query(params)| Self(params)).map_err(|rejection| InputError::Parameter(rejection.body_text()))
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), InputError> {
    let label = headers.get(CONTENT_TYPE).ok_or(InputError::NoContentType)?;
    let label = String::from_utf8_lossy(label.as_bytes());
    if is_json(&label) { Ok(()) } else { Err(InputError::OtherContentType(label.into_owned())) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<JsonBody<T>, InputError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed: Result<Object<T>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let Object(value) = parsed.map_err(|error| match error.path().to_string() {
        _ if !error.inner().is_data() => InputError::NotJson(error.into_inner()),
        path if path == "." => InputError::Unfit(error.inner().to_string()),
        path => InputError::Unfit(format!("`{path}`: {}", error.inner())),
    })?;
    deserializer.end().map_err(InputError::NotJson)?;
    Ok(JsonBody(value))
}

impl InputError {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large"),
            Self::Guard(BodyError::TooSlow) => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::Guard(BodyError::NoMemory) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::NoContentType | Self::OtherContentType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::Broken | Self::NotJson(_) | Self::Parameter(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Unfit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"),
        }
    }
}

impl From<UnreadBody> for InputError {
    fn from(unread: UnreadBody) -> Self {
        match unread {
            UnreadBody::TooLarge { limit } => Self::TooLarge { limit },
            UnreadBody::Guard(error) => Self::Guard(error),
            UnreadBody::Broken => Self::Broken,
        }
    }
}

impl IntoResponse for InputError {
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let body = Json(ErrorBody { error: ErrorDetail { code, message: self.to_string() } });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, "1")], body).into_response();
        }
        (status, body).into_response()
    }
}
