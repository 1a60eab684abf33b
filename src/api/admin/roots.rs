//! What may be a tenant's root, and how one is made.
//!
//! A sandbox runs as the owner of its workspace, and sees nothing of the host but that. So a root belongs to an
//! ordinary user, and overlaps neither what the machine and the server live on nor what another tenant owns.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};

use super::place::Place;
use crate::config::Config;
use crate::domain::{Tenant, TenantRoot};

/// The lowest id of a user or group that is not the system's own.
const FIRST_USER: u32 = 1_000;

/// The lowest id of a user that is made up for a tenant.
const FIRST_TENANT_USER: u32 = 20_000;

/// Where the machine keeps itself.
const SYSTEM: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/etc", "/boot"];

/// What a new root may not overlap, and which user ids are in use.
#[derive(Debug)]
pub(super) struct Taken {
    places: Vec<(PathBuf, String)>,
    tenants: Vec<Tenant>,
}

/// Why a directory cannot be a root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It overlaps something else.
    #[error("`{}` cannot be a root: it is, contains, or lies in {what}", .root.display())]
    Overlaps {
        /// The root.
        root: PathBuf,
        /// What it overlaps.
        what: String,
    },
    /// A link could be led elsewhere after it was looked at.
    #[error("`{}` leads through a symbolic link to `{}`; give that path instead", .root.display(), .real.display())]
    SymbolicLink {
        /// The root.
        root: PathBuf,
        /// Where it leads.
        real: PathBuf,
    },
    /// It is a file, or something else.
    #[error("`{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// A sandbox would run as a system user.
    #[error(
        "`{}` belongs to user {uid} and group {gid}, and a sandbox runs as the owner of its root, which must not be a \
         system user: name another directory, or give this one to the tenant with `chown -R {free}:{free}`",
        .root.display()
    )]
    SystemOwner {
        /// The root.
        root: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// An id no other tenant's root belongs to.
        free: u32,
    },
    /// It does not exist, and what would be made would belong to a system user.
    #[error(
        "`{}` does not exist, and would belong to the system user this process runs as, user {uid} and group {gid}: \
         make it and `chown` it, both ids from 1000 on", .root.display()
    )]
    SystemProcess {
        /// The root.
        root: PathBuf,
        /// The process's user.
        uid: u32,
        /// The process's group.
        gid: u32,
    },
    /// It cannot be looked at or made.
    #[error("`{}` cannot be used", .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Taken {
    /// What is taken by the machine, the server and its `tenants`.
    pub(super) fn new(config: &Config, tenants: Vec<Tenant>) -> Self {
        let mut places = vec![
            (config.data_dir.clone(), "the server's data directory".to_owned()),
            (docker_directory(&config.engine.endpoint), "the directory of the Docker socket".to_owned()),
        ];
        places.extend(SYSTEM.map(|path| (path.into(), format!("`{path}`, which is the machine's own"))));
        for tenant in &tenants {
            let what = format!("a root of the tenant {}", tenant.name);
            places.extend(tenant.roots.iter().map(|root| (root.path().to_owned(), what.clone())));
        }
        Self { places, tenants }
    }

    /// The lowest user id for a tenant that no tenant's root belongs to.
    fn free_user(&self) -> u32 {
        let roots = self.tenants.iter().flat_map(|tenant| &tenant.roots);
        let owners: HashSet<u32> =
            roots.filter_map(|root| root.path().metadata().ok()).flat_map(|root| [root.uid(), root.gid()]).collect();
        let free = (FIRST_TENANT_USER..u32::MAX).find(|user| !owners.contains(user));
        free.expect("there are more user ids than directories")
    }
}

/// Whether the existing directory `root` could be a root beside those of `other`: what the drill asks.
///
/// # Errors
/// Why it could not.
pub fn may_be_root(config: &Config, other: &Tenant, root: &TenantRoot) -> Result<(), String> {
    let taken = Taken::new(config, vec![other.clone()]);
    prepare(std::slice::from_ref(root), &taken).map_err(|refused| refused.to_string())
}

/// Checks the roots of a new tenant, then makes those that do not exist.
pub(super) fn prepare(roots: &[TenantRoot], taken: &Taken) -> Result<(), RootError> {
    let places: Vec<_> = taken.places.iter().map(|(path, what)| Ok((look(path)?, what))).collect::<Result<_, _>>()?;
    let mut missing = Vec::new();
    for root in roots.iter().map(TenantRoot::path) {
        let place = look(root)?;
        if place.path() != root {
            return Err(RootError::SymbolicLink { root: root.to_owned(), real: place.path().to_owned() });
        }
        if let Some((_, what)) = places.iter().find(|(other, _)| place.overlaps(other)) {
            return Err(RootError::Overlaps { root: root.to_owned(), what: (*what).clone() });
        }
        if place.exists() {
            check_owner(root, taken)?;
        } else {
            missing.push(root);
        }
    }
    if missing.is_empty() { Ok(()) } else { make_all(&missing, taken) }
}

fn look(path: &Path) -> Result<Place, RootError> {
    Place::at(path).map_err(|source| RootError::Unusable { path: path.to_owned(), source })
}

fn check_owner(root: &Path, taken: &Taken) -> Result<(), RootError> {
    let metadata = root.metadata().map_err(|source| RootError::Unusable { path: root.to_owned(), source })?;
    let (uid, gid) = (metadata.uid(), metadata.gid());
    if !metadata.is_dir() {
        Err(RootError::NotADirectory(root.to_owned()))
    } else if uid < FIRST_USER || gid < FIRST_USER {
        Err(RootError::SystemOwner { root: root.to_owned(), uid, gid, free: taken.free_user() })
    } else {
        Ok(())
    }
}

/// Makes directories of one owner: a user made up for the tenant where this process may give files away, its own else.
fn make_all(roots: &[&Path], taken: &Taken) -> Result<(), RootError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let owner = if uid == 0 { taken.free_user() } else { uid };
    let group = if uid == 0 { owner } else { gid };
    for &root in roots {
        if owner < FIRST_USER || group < FIRST_USER {
            return Err(RootError::SystemProcess { root: root.to_owned(), uid, gid });
        }
        make(root, owner, group).map_err(|source| RootError::Unusable { path: root.to_owned(), source })?;
    }
    Ok(())
}

fn make(root: &Path, owner: u32, group: u32) -> io::Result<()> {
    if let Some(parent) = root.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    DirBuilder::new().mode(0o700).create(root)?;
    let finish = || {
        let directory = File::open(root)?;
        fchown(&directory, Some(owner), Some(group))?;
        directory.set_permissions(Permissions::from_mode(0o750))
    };
    // Half made it would be in the way of the next attempt.
    finish().inspect_err(|_| drop(std::fs::remove_dir(root)))
}

/// Where the Docker socket lies: whoever can write there can put another in its place.
fn docker_directory(endpoint: &str) -> PathBuf {
    let path = Path::new(endpoint.strip_prefix("unix://").unwrap_or(endpoint));
    path.parent().filter(|_| path.is_absolute()).unwrap_or(Path::new("/var/run")).to_owned()
}
