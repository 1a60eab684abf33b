//! Where a drill takes place: directories of tenants made up for it, removed whatever happens.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{getegid, geteuid};
use uuid::Uuid;

use crate::domain::TenantId;
use crate::spawner::WorkspacePath;

/// How many users after the first a drill takes, one for each tenant it makes up.
const USERS: u32 = 100;

/// The ground of one drill.
#[derive(Debug)]
pub(super) struct Ground {
    path: PathBuf,
    /// Locked as long as the drill lasts, so that the next one sees what a crash has left.
    _lock: File,
    first_user: u32,
    users: AtomicU32,
}

/// A tenant made up for an attack.
#[derive(Debug)]
pub(super) struct Tenant {
    /// Its id, which no row has.
    pub(super) id: TenantId,
    /// Its one root.
    pub(super) root: PathBuf,
    /// The user it belongs to.
    pub(super) uid: u32,
    /// Its group.
    pub(super) gid: u32,
}

impl Ground {
    /// Makes the ground below `parent`, with tenants' users from `first_user` on.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn create(parent: &Path, first_user: u32) -> io::Result<Self> {
        let path = parent.join(Uuid::new_v4().simple().to_string());
        remove_abandoned(parent);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let lock = File::open(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path, _lock: lock, first_user, users: AtomicU32::new(0) })
    }

    /// A new tenant, of a user of its own where this process may give files away, else of its own user.
    ///
    /// # Errors
    /// When its root cannot be made.
    pub(super) fn tenant(&self) -> io::Result<Tenant> {
        let (uid, gid) = if geteuid().is_root() {
            let user = self.first_user + self.users.fetch_add(1, Ordering::Relaxed) % USERS;
            (user, user)
        } else {
            (geteuid().as_raw(), getegid().as_raw())
        };
        let id = TenantId::generate();
        let tenant = Tenant { id, root: self.path.join(id.to_string()), uid, gid };
        tenant.directory("")?;
        Ok(tenant)
    }

    /// Whether this process may give files away, and make what only root makes.
    pub(super) fn is_roots() -> bool {
        geteuid().is_root()
    }
}

impl Tenant {
    /// Makes a directory below the root that belongs to the tenant, and answers where it is.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn directory(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        DirBuilder::new().mode(0o755).create(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        self.give(&path)?;
        Ok(path)
    }

    /// Makes a file below the root that belongs to the tenant.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn file(&self, name: &str, contents: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, contents)?;
        self.give(&path)?;
        Ok(path)
    }

    /// Where something below the root is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.root.clone() } else { self.root.join(name) }
    }

    /// A directory below the root, as what a sandbox works in.
    pub(super) fn workspace(&self, relative: &str) -> WorkspacePath {
        WorkspacePath { root: self.root.clone(), relative: relative.into() }
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        if Ground::is_roots() { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }
}

/// Removes the grounds of drills that were killed.
fn remove_abandoned(parent: &Path) {
    for path in std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let is_locked = File::open(&path).map(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err());
        if matches!(is_locked, Ok(false)) {
            // Another drill may be doing the same.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "the ground of a drill could not be removed");
        }
        // Only when no other drill is under way.
        if let Some(parent) = self.path.parent() {
            let _ = std::fs::remove_dir(parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_drill_left_goes_and_a_drill_under_way_stays() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(parent.path().join("left/tenant_x")).unwrap();
        let under_way = Ground::create(parent.path(), 64_999).unwrap();
        let root = under_way.tenant().unwrap().root;
        let other = Ground::create(parent.path(), 64_999).unwrap();
        assert!(!parent.path().join("left").exists());
        assert!(root.exists());
        drop((under_way, other));
        assert!(!parent.path().exists());
    }
}
