//! `GET /v1/sessions/{session_id}/changes`: what a session's turns changed in its workspace.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::AccountError;
use crate::api::ApiState;
use crate::api::admin::ErrorBody;
use crate::api::auth::SessionCaller;
use crate::api::input::Params;
use crate::domain::{Change, Changes, Incomplete, SessionId, TenantId, Timestamp, TurnChanges, TurnId, Undone};

/// Turns that are told of when the request does not say how many, and at most.
const DEFAULT_LIMIT: u32 = 5;
const MAX_LIMIT: u32 = 20;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Ask {
    /// How many turns, the latest first: 1 to 20. Left out: 5.
    #[param(minimum = 1, maximum = 20)]
    limit: Option<u32>,
}

/// What a session's turns changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangesReport {
    /// Whether what a turn changed is still to come: it is under way, or its sandbox has not ended, or its workspace could not
    /// be looked at yet.
    pending: bool,
    /// Why it is; absent when nothing is to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_reason: Option<String>,
    /// The turns that were looked after, the latest first.
    data: Vec<TurnReport>,
}

/// What a turn changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TurnReport {
    /// The turn.
    #[schema(value_type = String)]
    turn_id: TurnId,
    /// When the workspace was looked over after it.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why it is not known what changed; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How many paths were `added`, `removed`, `changed` or had their `mode` changed, and how many of these are
    /// `executables`: files that would run later on somebody's host.
    #[schema(value_type = serde_json::Value)]
    totals: crate::domain::Totals,
    /// For which bounds something is left out: `unseen`, `unreadable`, `files`, `diffs`, `contents`.
    #[schema(value_type = serde_json::Value)]
    shortened: crate::domain::Shortened,
    /// Whether everything that might run later was looked at. What was not may have been changed, and is not undone.
    complete: bool,
    /// What was not looked at; absent when the turn is `complete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<IncompleteReport>,
    /// The files that would run later and were changed.
    changed_executables: Vec<String>,
    /// What changed, by path.
    files: Vec<FileReport>,
}

/// Places that were not looked at completely.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncompleteReport {
    /// How many there are.
    count: u64,
    /// The first of them, below the workspace and written as paths are; empty for the workspace itself.
    places: Vec<String>,
    /// Whether they are looked at again later.
    retried: bool,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileReport {
    /// Below the workspace: UTF-8 as it is, a backslash doubled, control characters and other bytes as `\xHH`.
    path: String,
    /// `added`, `removed`, `changed` or `mode` (its permissions alone).
    #[schema(value_type = String, example = "changed")]
    kind: crate::domain::ChangeKind,
    /// `file`, `directory`, `symlink` or `other`.
    #[schema(value_type = String, example = "file")]
    file: crate::domain::FileKind,
    /// Its size before.
    size_before: Option<u64>,
    /// Its size after.
    size: Option<u64>,
    /// Its permissions before, in octal.
    #[schema(example = "0644")]
    mode_before: Option<String>,
    /// Its permissions as the session left them, in octal.
    #[schema(example = "0755")]
    mode: Option<String>,
    /// By what it would run later: `git_hook`, `git_config`, `agent`, `editor`, `shell`, `ci`, `package`, `build` or, when it
    /// may be executed and could not before, `executable`.
    #[schema(value_type = Option<String>, example = "git_hook")]
    class: Option<crate::domain::FileClass>,
    /// Whether a setuid or setgid bit was taken off; absent when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    privilege_removed: Option<bool>,
    /// The difference as a unified diff, of texts that are small enough.
    diff: Option<String>,
    /// Why the contents were not looked at: they are not readable by the workspace's owner. Absent when they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<&'static str>,
}

/// Show what a session's turns changed in its workspace.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/changes", tag = "sessions", operation_id = "list_session_changes",
    params(("session_id" = String, Path), Ask),
    responses(
        (status = OK, description = "What the turns changed", body = ChangesReport),
        (status = BAD_REQUEST, description = "A parameter cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
        (status = NOT_FOUND, description = "No such session", body = ErrorBody),
    ),
    security(("x-api-key" = ["sessions:read"]), ("bearer" = ["sessions:read"]), ("basic" = ["sessions:read"])),
)]
pub(super) async fn changes(
    State(state): State<ApiState>,
    caller: SessionCaller,
    Path(session): Path<String>,
    Params(ask): Params<Ask>,
) -> Result<Json<ChangesReport>, AccountError> {
    let (tenant, session) = find(&state, &caller, &session).await?;
    let limit = ask.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(AccountError::Invalid(format!("`limit` is 1 to {MAX_LIMIT}, not {limit}")));
    }
    // Asked before the rows are read: what is written in between is told to be pending, and not lost.
    let pending_reason = state.sessions.changes_pending(tenant, session).await?;
    let turns = state.store.changes().list(tenant, session, limit).await?;
    Ok(Json(ChangesReport {
        pending: pending_reason.is_some(),
        pending_reason,
        data: turns.into_iter().map(TurnReport::from).collect(),
    }))
}

/// A session that the caller may look at.
pub(super) async fn find(
    state: &ApiState,
    caller: &SessionCaller,
    name: &str,
) -> Result<(TenantId, SessionId), AccountError> {
    let absent = || AccountError::NotFound("there is no such session".to_owned());
    let session: SessionId = name.parse().map_err(|_| absent())?;
    let tenant = caller.tenant_of(session).ok_or_else(absent)?.id;
    state.store.sessions().find(tenant, session).await?.ok_or_else(absent)?;
    Ok((tenant, session))
}

impl From<TurnChanges> for TurnReport {
    fn from(TurnChanges { turn, changes, at }: TurnChanges) -> Self {
        let (changes, error) = match changes {
            Ok(changes) => (changes, None),
            Err(error) => (Changes::default(), Some(error)),
        };
        Self {
            turn_id: turn,
            at,
            totals: changes.totals,
            shortened: changes.shortened,
            complete: error.is_none() && changes.incomplete.count == 0,
            incomplete: IncompleteReport::of(&changes.incomplete),
            error,
            changed_executables: changes.executables().map(|change| change.path.clone()).collect(),
            files: changes.files.into_iter().map(FileReport::from).collect(),
        }
    }
}

impl IncompleteReport {
    fn of(incomplete: &Incomplete) -> Option<Self> {
        let Incomplete { count, places, again } = incomplete.clone();
        (count > 0).then_some(Self { count, places, retried: again })
    }
}

impl From<Change> for FileReport {
    fn from(change: Change) -> Self {
        let octal = |mode: Option<u32>| mode.map(|mode| format!("{mode:04o}"));
        Self {
            path: change.path,
            kind: change.kind,
            file: change.file,
            size_before: change.size_before,
            size: change.size,
            mode_before: octal(change.mode_before),
            mode: octal(change.mode),
            class: change.class,
            privilege_removed: change.privilege.map(|undone| undone == Undone::Yes),
            diff: change.diff,
            withheld: change.withheld.then_some("not readable by the workspace's owner"),
        }
    }
}
