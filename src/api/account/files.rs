//! `GET /v1/sessions/{session_id}/files`: what a session had left where its changes were undone.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;
use utoipa::ToSchema;

use super::changes::find;
use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::ErrorBody;
use crate::api::auth::SessionCaller;
use crate::domain::{SessionFile, Timestamp, TurnId, Undone};

/// The files of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Files {
    /// The files, in the order of their numbers.
    data: Vec<FileEntry>,
}

/// What a session had left where its change was to be undone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileEntry {
    /// Its number in the session.
    number: i64,
    /// The turn that changed it.
    #[schema(value_type = String)]
    turn_id: TurnId,
    /// Where it was below the workspace, written as `changes` writes it.
    path: String,
    /// Whether the workspace is as before there.
    undone: bool,
    /// Why it is not; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many bytes are kept of it; `null` when the session had removed it.
    size_bytes: Option<u64>,
    /// Whether that is all of it.
    whole: bool,
    /// Where it is now in the workspace, when it was moved rather than removed: it does not belong to the workspace's owner, or
    /// is a directory with a flood of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
    /// When it was undone.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// List what was kept of a session's changes that were undone.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/files", tag = "sessions", operation_id = "list_session_files",
    params(("session_id" = String, Path)),
    responses(
        (status = OK, description = "What was kept", body = Files),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
        (status = NOT_FOUND, description = "No such session", body = ErrorBody),
    ),
    security(("x-api-key" = ["sessions:read"]), ("bearer" = ["sessions:read"]), ("basic" = ["sessions:read"])),
)]
pub(super) async fn files(
    State(state): State<ApiState>,
    caller: SessionCaller,
    Path(session): Path<String>,
) -> Result<Json<Files>, AccountError> {
    let (tenant, session) = find(&state, &caller, &session).await?;
    let files = state.store.changes().files(tenant, session).await?;
    Ok(Json(Files { data: files.into_iter().map(FileEntry::from).collect() }))
}

/// Read what a session had left in a file whose change was undone: its bytes, or where a link led.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/files/{number}", tag = "sessions", operation_id = "get_session_file",
    params(("session_id" = String, Path), ("number" = i64, Path)),
    responses(
        (status = OK, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
        (status = NOT_FOUND, description = "No such session, no such file, or nothing is kept of it", body = ErrorBody),
    ),
    security(("x-api-key" = ["sessions:read"]), ("bearer" = ["sessions:read"]), ("basic" = ["sessions:read"])),
)]
pub(super) async fn contents(
    State(state): State<ApiState>,
    caller: SessionCaller,
    Path((session, number)): Path<(String, String)>,
) -> Result<Response, AccountError> {
    let (tenant, session) = find(&state, &caller, &session).await?;
    let absent = || AccountError::NotFound("the session has no such file".to_owned());
    let number = number.parse().map_err(|_| absent())?;
    let file = state.store.changes().find_file(tenant, session, number).await?.ok_or_else(absent)?;
    let nothing = || AccountError::NotFound("nothing is kept of this file".to_owned());
    let stored = file.stored.ok_or_else(nothing)?;
    let path = state.config.files_dir().join(session.to_string()).join(stored);
    let contents = tokio::fs::read(&path).await.map_err(|error| {
        tracing::error!(path = %path.display(), %error, "a file of a session cannot be read");
        nothing()
    })?;
    // An untrusted agent wrote it: no browser is to take it for a page of ours.
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, contents).into_response())
}

impl From<SessionFile> for FileEntry {
    fn from(file: SessionFile) -> Self {
        let SessionFile { number, turn, path, undone, size_bytes, whole, moved_to, at, .. } = file;
        let (undone, reason) = match undone {
            Undone::Yes => (true, None),
            Undone::No(reason) => (false, Some(reason)),
        };
        Self { number, turn_id: turn, path, undone, reason, size_bytes, whole, moved_to, at }
    }
}
