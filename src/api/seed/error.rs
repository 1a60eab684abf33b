//! The API's one error, and its two shapes: `{"detail": "text"}`, and `{"detail": [fault, ..]}` for a request that is
//! not what the call takes.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;

use super::fault::Fault;
use super::session_name::SessionName;
use crate::api::input::UnreadBody;
use crate::net::BodyError;
use crate::session::{CancelError, DeleteError, ResumeError, StartError};
use crate::store::StoreError;

/// How long a caller should wait for a server that is stopping, until another one has taken its place, or for a store that
/// cannot be used at present.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Why a call did nothing.
#[derive(Debug)]
pub(super) enum SeedError {
    /// The request is not what the call takes.
    Invalid(Vec<Fault>),
    /// The body is no text, or did not arrive.
    UnreadableBody,
    /// The body could not be waited for.
    Body(BodyError),
    /// The body is larger than the server reads.
    BodyTooLarge { limit: usize },
    /// There is no such path.
    NotFound,
    /// The path takes another method.
    MethodNotAllowed { allow: &'static str },
    /// The tenant has no such session.
    SessionNotFound(SessionName),
    /// What was asked for cannot be; the text says why.
    Refused(String),
    /// The tenant may not do this now; the text says why.
    Forbidden(String),
    /// The tenant's sessions, or one of them, hold too much; the text says how much.
    TooLarge(String),
    /// Too much waits already; the text says how much.
    Full(String),
    /// The server is stopping.
    Draining(String),
    /// The store cannot be used at present.
    Unavailable(StoreError),
    /// The server failed; its log says why.
    Internal(StoreError),
}

/// An error as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refusal {
    /// What went wrong.
    #[schema(example = "Session 5b6d2f3e-0000-4000-8000-000000000000 not found")]
    pub(super) detail: String,
}

/// All that is wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Invalid {
    /// The faults, in the order of the API's fields.
    pub(super) detail: Vec<Fault>,
}

impl SeedError {
    /// A request with one fault.
    pub(super) fn fault(fault: Fault) -> Self {
        Self::Invalid(vec![fault])
    }

    /// What the API says of a session that cannot be resumed.
    pub(super) fn resume(name: &SessionName, error: ResumeError) -> Self {
        match error {
            ResumeError::NotFound => Self::unknown_to_resume(name),
            ResumeError::Running => Self::Refused(format!("Session {name} is currently running")),
            ResumeError::Ending => Self::Refused(format!("Session {name} is ending its turn; try again in a moment")),
            ResumeError::NoConversation => {
                Self::Refused(format!("Session {name} has no recorded Claude session ID. Cannot resume."))
            }
            ResumeError::OtherWorkspace | ResumeError::RootGone => Self::Refused(error.to_string()),
            ResumeError::TooLong { .. } => Self::TooLarge(error.to_string()),
            ResumeError::Start(error) => error.into(),
        }
    }

    /// What the API says of a session that cannot be resumed because there is none.
    pub(super) fn unknown_to_resume(name: &SessionName) -> Self {
        Self::Refused(format!("Session {name} not found."))
    }

    /// What the API says of a session that cannot be cancelled.
    pub(super) fn cancel(name: SessionName, error: CancelError) -> Self {
        match error {
            CancelError::NotFound => Self::SessionNotFound(name),
            CancelError::NotRunning(status) => {
                let status = status.as_str().to_uppercase();
                Self::Refused(format!("Session {name} is not running (status: SessionStatus.{status})"))
            }
            CancelError::Store(error) => error.into(),
        }
    }

    /// What the API says of a session that cannot be deleted.
    pub(super) fn delete(name: SessionName, error: DeleteError) -> Self {
        match error {
            DeleteError::NotFound => Self::SessionNotFound(name),
            DeleteError::Running => {
                Self::Refused(format!("Cannot delete running session {name}. Please cancel it first."))
            }
            DeleteError::Store(error) => error.into(),
        }
    }
}

impl From<UnreadBody> for SeedError {
    fn from(unread: UnreadBody) -> Self {
        match unread {
            UnreadBody::TooLarge { limit } => Self::BodyTooLarge { limit },
            UnreadBody::Guard(error) => Self::Body(error),
            UnreadBody::Broken => Self::UnreadableBody,
        }
    }
}

impl From<StoreError> for SeedError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::Unavailable(error) } else { Self::Internal(error) }
    }
}

impl From<StartError> for SeedError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Workspace(_)
            | StartError::RefusedEnv { .. }
            | StartError::NotAllowed(_)
            | StartError::Limits(_) => Self::Refused(error.to_string()),
            StartError::Suspended => Self::Forbidden(error.to_string()),
            StartError::Full(_) => Self::Full(error.to_string()),
            StartError::Storage { .. } => Self::TooLarge(error.to_string()),
            StartError::Draining | StartError::Lingering => Self::Draining(error.to_string()),
            StartError::Spawner(ref why) => {
                tracing::error!(error = why as &dyn std::error::Error, "the spawner cannot be asked");
                Self::Draining(error.to_string())
            }
            StartError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for SeedError {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(detail) => (StatusCode::UNPROCESSABLE_ENTITY, Json(Invalid { detail })).into_response(),
            Self::UnreadableBody => refusal(StatusCode::BAD_REQUEST, "There was an error parsing the body"),
            Self::Body(error @ BodyError::TooSlow) => refusal(StatusCode::REQUEST_TIMEOUT, error.to_string()),
            Self::Body(error @ BodyError::NoMemory) => {
                let answer = refusal(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
                with_header(answer, RETRY_AFTER, RETRY_AFTER_SECONDS)
            }
            Self::BodyTooLarge { limit } => {
                refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {limit} bytes"))
            }
            Self::NotFound => refusal(StatusCode::NOT_FOUND, "Not Found"),
            Self::MethodNotAllowed { allow } => {
                let answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                with_header(answer, ALLOW, HeaderValue::from_static(allow))
            }
            Self::SessionNotFound(name) => refusal(StatusCode::NOT_FOUND, format!("Session {name} not found")),
            Self::Refused(detail) => refusal(StatusCode::BAD_REQUEST, detail),
            Self::TooLarge(detail) => refusal(StatusCode::PAYLOAD_TOO_LARGE, detail),
            Self::Forbidden(detail) => refusal(StatusCode::FORBIDDEN, detail),
            Self::Full(detail) => {
                with_header(refusal(StatusCode::TOO_MANY_REQUESTS, detail), RETRY_AFTER, RETRY_AFTER_SECONDS)
            }
            Self::Draining(detail) => {
                with_header(refusal(StatusCode::SERVICE_UNAVAILABLE, detail), RETRY_AFTER, RETRY_AFTER_SECONDS)
            }
            Self::Unavailable(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is unavailable");
                let detail = "The server cannot use its store at present; try again in a moment";
                with_header(refusal(StatusCode::SERVICE_UNAVAILABLE, detail), RETRY_AFTER, RETRY_AFTER_SECONDS)
            }
            Self::Internal(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a call of the seed API failed");
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }
}

fn refusal(status: StatusCode, detail: impl Into<String>) -> Response {
    (status, Json(Refusal { detail: detail.into() })).into_response()
}

fn with_header(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}
