//! The admin API's one error, and its shape: `{"error":{"code","message"}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;
use utoipa::ToSchema;

use super::CreateTenantError;
use crate::admin::OperationError;
use crate::api::auth::{Busy, IssueError};
use crate::spawner::SpawnerError;
use crate::store::StoreError;

/// Why a call did nothing.
#[derive(Debug)]
pub enum AdminError {
    /// What was asked for cannot be; the text says why.
    Invalid(String),
    /// There is no such thing.
    NotFound(&'static str),
    /// It is not in a state in which this can be done.
    Conflict(String),
    /// A name is taken.
    NameTaken(String),
    /// The engine, or who holds it, does not do its part.
    Engine(SpawnerError),
    /// Too many keys are being hashed.
    Busy(Busy),
    /// Too many reports are read at the same time.
    Overloaded(StoreError),
    /// The server failed; the operator finds why in its log.
    Internal(StoreError),
}

/// An error as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// What an error says.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A word for programs.
    #[schema(value_type = String, example = "invalid_request")]
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, "invalid_request", message),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "not_found", message.to_owned()),
            Self::Conflict(message) => (StatusCode::CONFLICT, "conflict", message),
            Self::NameTaken(name) => (StatusCode::CONFLICT, "name_taken", format!("the name `{name}` is taken")),
            Self::Engine(error) => (StatusCode::SERVICE_UNAVAILABLE, "engine_unavailable", with_causes(&error)),
            Self::Busy(busy) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", busy.to_string()),
            Self::Internal(error) if error.is_transient() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is unavailable");
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.to_string())
            }
            Self::Overloaded(error) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.to_string()),
            Self::Internal(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a call of the admin API failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says why".to_owned())
            }
        };
        let body = Json(ErrorBody { error: ErrorDetail { code, message } });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, "1")], body).into_response();
        }
        (status, body).into_response()
    }
}

/// The same words on the command line.
impl std::fmt::Display for AdminError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(message) | Self::Conflict(message) => formatter.write_str(message),
            Self::NotFound(message) => formatter.write_str(message),
            Self::NameTaken(name) => write!(formatter, "the name `{name}` is taken"),
            Self::Engine(error) => error.fmt(formatter),
            Self::Busy(busy) => busy.fmt(formatter),
            Self::Overloaded(error) | Self::Internal(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for AdminError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Internal(error) => error.source(),
            Self::Engine(error) => error.source(),
            _ => None,
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken { name } => Self::NameTaken(name),
            StoreError::Busy => Self::Overloaded(error),
            other => Self::Internal(other),
        }
    }
}

impl From<OperationError> for AdminError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Invalid(message) => Self::Invalid(message),
            OperationError::NotFound(message) => Self::NotFound(message),
            OperationError::Conflict(message) => Self::Conflict(message),
            OperationError::Engine(error) => Self::Engine(error),
            OperationError::Store(error) => error.into(),
        }
    }
}

impl From<CreateTenantError> for AdminError {
    fn from(error: CreateTenantError) -> Self {
        match error {
            CreateTenantError::Store(error) => error.into(),
            refused => Self::Invalid(with_causes(&refused)),
        }
    }
}

impl From<IssueError> for AdminError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Store(error) => error.into(),
            IssueError::Busy(busy) => Self::Busy(busy),
            refused @ (IssueError::Name(_) | IssueError::Scopes(_) | IssueError::Lifetime) => {
                Self::Invalid(with_causes(&refused))
            }
        }
    }
}

/// An error with what caused it, for the operator, who has no chain of errors to look into.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
