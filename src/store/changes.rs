//! What sessions changed in their workspaces, in the store: a row for each turn, and the files that were undone.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::{Store, StoreError, codec, events, pending};
use crate::domain::{
    Changes, EventKind, NewEvent, PendingSandbox, SandboxName, SessionFile, SessionId, TenantId, TurnChanges, Undone,
};

/// Paths of files that would run later that stand in a session's record, and in an event.
const PATHS: usize = 20;

/// How far the sandbox has come whose changes are recorded.
#[derive(Clone, Debug)]
pub enum Sandbox {
    /// Nothing more is to be done about it.
    Done(SandboxName),
    /// Its workspace is to be looked at again.
    Again(PendingSandbox),
}

/// The changes.
#[derive(Debug)]
pub struct ChangesStore<'a>(pub(super) &'a Store);

impl ChangesStore<'_> {
    /// Writes what a turn changed, the files that were undone and the event that says so, all or nothing. What an earlier look
    /// at the same turn found is kept. The store gives the files their numbers. With `sandbox` it also writes how far that one
    /// has come: done with, or to be looked at again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record(
        &self,
        tenant: TenantId,
        session: SessionId,
        found: TurnChanges,
        files: &[SessionFile],
        sandbox: Option<&Sandbox>,
    ) -> Result<(), StoreError> {
        let (files, sandbox) = (files.to_vec(), sandbox.cloned());
        self.0
            .write_session(tenant, session, move |transaction| {
                Box::pin(async move {
                    match &sandbox {
                        Some(Sandbox::Done(name)) => pending::delete(transaction, *name).await?,
                        Some(Sandbox::Again(again)) => pending::update(transaction, again).await?,
                        None => {}
                    }
                    let turn = sqlx::query("select id from turns where id = $1 and session_id = $2")
                        .bind(found.turn.to_string())
                        .bind(session.to_string())
                        .fetch_optional(&mut **transaction)
                        .await?;
                    // The session may have been deleted meanwhile.
                    if turn.is_some() {
                        write(transaction, tenant, session, found, &files).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// What a tenant's session changed in its last `most` turns that were looked after, the latest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, tenant: TenantId, session: SessionId, most: u32) -> Result<Vec<TurnChanges>, StoreError> {
        let rows = sqlx::query(
            "select c.* from changes c join turns t on t.id = c.turn_id
             where c.tenant_id = $1 and c.session_id = $2 order by t.ordinal desc limit $3",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .bind(i64::from(most))
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(turn_changes).collect()
    }

    /// The files of a tenant's session, in the order of their numbers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn files(&self, tenant: TenantId, session: SessionId) -> Result<Vec<SessionFile>, StoreError> {
        let rows = sqlx::query("select * from session_files where tenant_id = $1 and session_id = $2 order by number")
            .bind(tenant.to_string())
            .bind(session.to_string())
            .fetch_all(&self.0.read)
            .await?;
        rows.iter().map(file).collect()
    }

    /// A file of a tenant's session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find_file(
        &self,
        tenant: TenantId,
        session: SessionId,
        number: i64,
    ) -> Result<Option<SessionFile>, StoreError> {
        let row = sqlx::query("select * from session_files where tenant_id = $1 and session_id = $2 and number = $3")
            .bind(tenant.to_string())
            .bind(session.to_string())
            .bind(number)
            .fetch_optional(&self.0.read)
            .await?;
        row.as_ref().map(file).transpose()
    }
}

/// Writes what a turn changed.
async fn write(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    session: SessionId,
    mut found: TurnChanges,
    files: &[SessionFile],
) -> Result<(), StoreError> {
    let row = sqlx::query("select * from changes where turn_id = $1")
        .bind(found.turn.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    if let Some(Ok(earlier)) = row.as_ref().map(turn_changes).transpose()?.map(|earlier| earlier.changes) {
        let Ok(changes) = found.changes else { return Ok(()) };
        found.changes = Ok(changes.after(earlier));
    }
    let (changes, error) = match &found.changes {
        Ok(changes) => (Some(codec::to_json(changes)), None),
        Err(error) => (None, Some(error)),
    };
    sqlx::query(
        "insert into changes (turn_id, session_id, tenant_id, changes, error, at) values ($1, $2, $3, $4, $5, $6)
         on conflict (turn_id) do update set changes = excluded.changes, error = excluded.error, at = excluded.at",
    )
    .bind(found.turn.to_string())
    .bind(session.to_string())
    .bind(tenant.to_string())
    .bind(changes)
    .bind(error)
    .bind(found.at.as_micros())
    .execute(&mut **transaction)
    .await?;
    for file in files {
        insert_file(transaction, tenant, session, file).await?;
    }
    if let Ok(changes) = &found.changes {
        note_executables(transaction, tenant, session, changes).await?;
    }
    let payload = in_short(&found, files).to_string();
    let event = NewEvent { turn: found.turn, kind: EventKind::Changes, payload, at: found.at };
    events::insert(transaction, session, &[event]).await?;
    Ok(())
}

/// The paths of files that would run later out of a session's row.
pub(super) fn executables_of(row: &AnyRow) -> Result<Vec<String>, StoreError> {
    match codec::maybe_text(row, "changed_executables")? {
        None => Ok(Vec::new()),
        Some(_) => codec::json(row, "changed_executables"),
    }
}

async fn insert_file(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    session: SessionId,
    file: &SessionFile,
) -> Result<(), StoreError> {
    let reason = match &file.undone {
        Undone::Yes => None,
        Undone::No(reason) => Some(reason),
    };
    sqlx::query(
        "insert into session_files (session_id, number, tenant_id, turn_id, path, undone, reason, stored, size_bytes, whole, at,
            moved_to)
         select $1, cast(coalesce(max(number), 0) as bigint) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         from session_files where session_id = $1",
    )
    .bind(session.to_string())
    .bind(tenant.to_string())
    .bind(file.turn.to_string())
    .bind(&file.path)
    .bind(i64::from(reason.is_none()))
    .bind(reason)
    .bind(&file.stored)
    .bind(file.size_bytes.map(codec::as_number))
    .bind(i64::from(file.whole))
    .bind(file.at.as_micros())
    .bind(&file.moved_to)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Adds the files that would run later to the session's own list.
async fn note_executables(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    session: SessionId,
    changes: &Changes,
) -> Result<(), StoreError> {
    let row = sqlx::query("select changed_executables from sessions where id = $1 and tenant_id = $2")
        .bind(session.to_string())
        .bind(tenant.to_string())
        .fetch_one(&mut **transaction)
        .await?;
    let mut paths = executables_of(&row)?;
    for change in changes.executables() {
        if paths.len() < PATHS && !paths.contains(&change.path) {
            paths.push(change.path.clone());
        }
    }
    if paths.is_empty() {
        return Ok(());
    }
    sqlx::query("update sessions set changed_executables = $1 where id = $2")
        .bind(codec::to_json(&paths))
        .bind(session.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// What the event tells.
fn in_short(found: &TurnChanges, files: &[SessionFile]) -> serde_json::Value {
    let changes = match &found.changes {
        Ok(changes) => changes,
        Err(error) => return json!({ "error": error }),
    };
    let paths: Vec<_> = changes.executables().take(PATHS).map(|change| &change.path).collect();
    let undone = files.iter().filter(|file| file.undone == Undone::Yes).count();
    json!({
        "totals": changes.totals,
        "shortened": changes.shortened,
        "incomplete": changes.incomplete,
        "changed_executables": paths,
        "undone": undone,
        "not_undone": files.len() - undone,
    })
}

fn turn_changes(row: &AnyRow) -> Result<TurnChanges, StoreError> {
    let changes = match codec::maybe_text(row, "error")? {
        Some(error) => Err(error),
        None => Ok(codec::json(row, "changes")?),
    };
    Ok(TurnChanges { turn: codec::parsed(row, "turn_id")?, changes, at: codec::time(row, "at")? })
}

fn file(row: &AnyRow) -> Result<SessionFile, StoreError> {
    let stored = codec::maybe_text(row, "stored")?;
    Ok(SessionFile {
        number: codec::number(row, "number")?,
        turn: codec::parsed(row, "turn_id")?,
        path: codec::text(row, "path")?,
        undone: codec::maybe_text(row, "reason")?.map_or(Undone::Yes, Undone::No),
        size_bytes: stored.as_ref().map(|_| codec::count(row, "size_bytes")).transpose()?,
        stored,
        whole: codec::number(row, "whole")? == 1,
        moved_to: codec::maybe_text(row, "moved_to")?,
        at: codec::time(row, "at")?,
    })
}
