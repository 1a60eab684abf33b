//! What is written down of what a session left in its workspace, and where the files are kept that were undone.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tracing::{error, info, warn};

use super::Registry;
use super::registry::Shared;
use crate::domain::{
    Changes, PendingSandbox, Quarantined, SandboxName, SessionFile, SessionId, Timestamp, TurnChanges, TurnId, Undone,
};
use crate::metrics;
use crate::metrics::catalogue::SURVEYS_INCOMPLETE;
use crate::store::{LiveTurn, Sandbox, StoreError};

/// Writes down what the turn of a sandbox left: `again` when its workspace is to be looked at again, else nothing more is to
/// be done about it. The session goes on whatever becomes of this; the log tells.
///
/// # Errors
/// When the store fails.
pub(super) async fn record(
    shared: &Shared,
    pending: &PendingSandbox,
    found: Result<Changes, String>,
    again: Option<PendingSandbox>,
) -> Result<(), StoreError> {
    let (session, turn, at) = (pending.name.session, pending.turn, shared.clock.now());
    let mut files = Vec::new();
    let mut found = found;
    match &mut found {
        Ok(changes) => {
            let undone = std::mem::take(&mut changes.quarantined);
            files = keep(shared.config.files_dir().join(session.to_string()), turn, at, undone).await;
            log(&pending.name, changes, &files);
            if changes.incomplete.count > 0 {
                SURVEYS_INCOMPLETE.one([&metrics::tenant(pending.tenant)]);
            }
        }
        Err(why) => error!(%session, why, "what a session changed is not known"),
    }
    let sandbox = again.map_or(Sandbox::Done(pending.name), Sandbox::Again);
    let found = TurnChanges { turn, changes: found, at };
    shared.store.changes().record(pending.tenant, session, found, &files, Some(&sandbox)).await
}

/// Logs what operators are to know of a session's changes.
fn log(sandbox: &SandboxName, changes: &Changes, files: &[SessionFile]) {
    if changes.totals.executables > 0 {
        let (count, undone) = (changes.totals.executables, files.len());
        info!(%sandbox, count, undone, "a session changed files that would run later");
    }
    for file in files {
        if let Undone::No(reason) = &file.undone {
            warn!(%sandbox, path = file.path, reason, "a change of a file that would run later could not be undone");
        }
    }
    if changes.incomplete.count > 0 {
        let (places, again) = (changes.incomplete.count, changes.incomplete.again);
        let first = changes.incomplete.places.first();
        warn!(%sandbox, places, first, again, "survey incomplete: places that may hold files that run later were not looked at");
    }
}

/// Writes down that what a turn changed will never be known, because the server ended during it.
pub(super) async fn record_unknown(shared: &Shared, turn: &LiveTurn) -> Result<(), StoreError> {
    if !shared.config.survey.enabled {
        return Ok(());
    }
    let at = shared.clock.now();
    let changes = Err("the server ended during the turn, so what the session changed is not known".to_owned());
    let found = TurnChanges { turn: turn.turn, changes, at };
    shared.store.changes().record(turn.tenant, turn.session, found, &[], None).await
}

/// Keeps what the session had left where its changes were undone, in `directory`.
async fn keep(directory: PathBuf, turn: TurnId, at: Timestamp, undone: Vec<Quarantined>) -> Vec<SessionFile> {
    let keeping = move || {
        let file = |(index, Quarantined { path, undone, contents, whole, moved_to }): (usize, Quarantined)| {
            let name = format!("{turn}-{}-{index}", at.as_micros());
            let stored = contents.and_then(|contents| match store(&directory, &name, &contents) {
                Ok(()) => Some((name, contents.len() as u64)),
                Err(error) => {
                    error!(path, %error, directory = %directory.display(), "what was undone could not be kept");
                    None
                }
            });
            let (stored, size_bytes) = stored.unzip();
            SessionFile { number: 0, turn, path, undone, stored, size_bytes, whole, moved_to, at }
        };
        undone.into_iter().enumerate().map(file).collect()
    };
    tokio::task::spawn_blocking(keeping).await.unwrap_or_default()
}

fn store(directory: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(directory.join(name))?;
    io::Write::write_all(&mut file, contents)?;
    file.sync_all()
}

impl Registry {
    /// Whether a supervisor has the session: what its turn changed may still be to come.
    pub fn is_live(&self, id: SessionId) -> bool {
        self.shared().is_live(id)
    }

    /// Removes the files of a session that was deleted.
    pub(super) async fn remove_files(&self, id: SessionId) {
        let directory = self.shared().config.files_dir().join(id.to_string());
        if let Err(error) = tokio::fs::remove_dir_all(&directory).await
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(path = %directory.display(), %error, "a deleted session's files could not be removed");
        }
    }

    /// Removes the files of sessions that an earlier run of the server deleted and did not get to.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn sweep_files(&self) -> Result<(), StoreError> {
        let Ok(mut entries) = tokio::fs::read_dir(self.shared().config.files_dir()).await else { return Ok(()) };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if self.shared().store.sessions().tenant_of(id).await?.is_none() {
                self.remove_files(id).await;
            }
        }
        Ok(())
    }
}
