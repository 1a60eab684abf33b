//! Where a drill takes place: directories of tenants made up for it, removed whatever happens.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{getegid, geteuid};
use uuid::Uuid;

use crate::domain::TenantId;

/// How many users after the first a drill takes, one for each tenant it makes up.
const USERS: u32 = 100;

/// The ground of one drill.
#[derive(Debug)]
pub(super) struct Ground {
    path: PathBuf,
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
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self { path, first_user, users: AtomicU32::new(0) })
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

    /// Whether a user is in nobody else's service, so that its processes can be counted.
    pub(super) fn has_own_users() -> bool {
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

    fn give(&self, path: &Path) -> io::Result<()> {
        if Ground::has_own_users() { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the ground of a drill could not be removed");
        }
        // Only when no other drill is under way.
        if let Some(parent) = self.path.parent() {
            let _ = std::fs::remove_dir(parent);
        }
    }
}
