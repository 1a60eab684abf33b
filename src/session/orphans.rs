//! What nobody owns: sandboxes without a row, and directories below the data directory without a session.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Registry;
use crate::config::Config;
use crate::domain::SandboxName;
use crate::metrics::catalogue::ORPHANS_REMOVED;
use crate::spawner::SpawnerError;
use crate::store::{Store, StoreError};

/// What was found that nobody owns.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    /// Sandboxes.
    pub sandboxes: Vec<SandboxName>,
    /// Directories and files: of sandboxes, with their sockets, of surveys, and of sessions.
    pub paths: Vec<PathBuf>,
    /// Bytes of the files in them.
    pub bytes: u64,
}

/// Why orphans could not be looked for or removed.
#[derive(Debug, thiserror::Error)]
pub enum OrphanError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spawner failed.
    #[error(transparent)]
    Spawner(#[from] SpawnerError),
}

impl Registry {
    /// Finds what nobody owns.
    ///
    /// # Errors
    /// When the store or the spawner fails.
    pub async fn orphans(&self) -> Result<Orphans, OrphanError> {
        let shared = self.shared();
        // Read before the rows: a sandbox has its row before it is made.
        let sandboxes = shared.maker.spawner().list().await?;
        let paths = candidates(&shared.config);
        let owned = self.owned().await?;
        let name = |labels: crate::spawner::Labels| SandboxName { session: labels.session, epoch: labels.epoch };
        let sandboxes = sandboxes.into_iter().map(name).filter(|name| !owned.contains(name)).collect();
        Ok(Orphans { sandboxes, ..files(&shared.store, paths, &owned).await? })
    }

    /// Removes what nobody owns. What cannot be removed stays, and is found again.
    ///
    /// # Errors
    /// When the spawner fails.
    pub async fn remove_orphans(&self, orphans: &Orphans) -> Result<(), OrphanError> {
        for name in &orphans.sandboxes {
            self.shared().maker.spawner().remove(*name).await?;
            ORPHANS_REMOVED.one([]);
        }
        remove_files(orphans);
        Ok(())
    }

    async fn owned(&self) -> Result<HashSet<SandboxName>, StoreError> {
        owned(&self.shared().store).await
    }
}

/// Finds the directories that nobody owns, for a command: sandboxes are the server's to look for.
///
/// # Errors
/// When the store fails.
pub async fn orphaned_files(store: &Store, config: &Config) -> Result<Orphans, StoreError> {
    let paths = candidates(config);
    let owned = owned(store).await?;
    files(store, paths, &owned).await
}

/// Removes directories that nobody owns.
pub fn remove_files(orphans: &Orphans) {
    for path in &orphans.paths {
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a file that nobody owns could not be removed");
        }
    }
}

/// The sandboxes that have a row: they are there, or not done with.
async fn owned(store: &Store) -> Result<HashSet<SandboxName>, StoreError> {
    Ok(store.pending().all().await?.into_iter().map(|pending| pending.name).collect())
}

/// What lies in the directories of sandboxes, surveys and sessions' files, each with how it is named.
fn candidates(config: &Config) -> Vec<PathBuf> {
    let directories = [config.sandboxes_dir(), config.data_dir.join("surveys"), config.files_dir()];
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok()).flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

async fn files(store: &Store, paths: Vec<PathBuf>, owned: &HashSet<SandboxName>) -> Result<Orphans, StoreError> {
    let mut orphans = Orphans::default();
    for path in paths {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let is_owned = match (name.parse(), SandboxName::parse(name)) {
            (Ok(session), _) => store.sessions().tenant_of(session).await?.is_some(),
            (_, Some(sandbox)) => owned.contains(&sandbox),
            // Nothing that innkeeper made.
            (Err(_), None) => true,
        };
        if !is_owned {
            orphans.bytes += bytes_of(&path);
            orphans.paths.push(path);
        }
    }
    Ok(orphans)
}

/// Bytes of the files at and below a path of ours. No link is followed.
fn bytes_of(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten();
    entries.filter_map(|entry| Some(bytes_of(&entry.ok()?.path()))).sum()
}
