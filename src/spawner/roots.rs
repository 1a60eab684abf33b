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

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::{Policy, SpawnerError};
use crate::config::Config;
use crate::domain::{Tenant, TenantRoot, TenantState};
use crate::engine::FIRST_USER;

/// The lowest id of a user that is made up for a tenant.
const FIRST_TENANT_USER: u32 = 20_000;

/// Where the machine and its engine keep themselves.
const SYSTEM: [&str; 8] = ["/proc", "/sys", "/dev", "/run", "/etc", "/boot", "/var/lib/docker", "/var/lib/containerd"];

/// Directories that are to be a tenant's roots.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRoots {
    /// The directories; what does not exist is to be made.
    pub roots: Vec<PathBuf>,
    /// What they may not overlap, beside what the machine lives on.
    pub taken: Vec<TakenPlace>,
}

impl NewRoots {
    /// `roots` of a tenant of an installation with these settings, next to `others`: every tenant there ever was. The
    /// directories of an archived one stay its own until somebody removes them, and so does their user.
    pub fn beside(config: &Config, others: &[Tenant], roots: &[TenantRoot]) -> Self {
        let data = TakenPlace::new(config.data_dir.clone(), "the server's data directory");
        let of_others = others.iter().flat_map(|tenant| {
            let while_there = tenant.state == TenantState::Archived;
            let what = if while_there {
                format!("a root of the archived tenant {}: move it away or remove it first", tenant.name)
            } else {
                format!("a root of the tenant {}", tenant.name)
            };
            let place = move |root: &TenantRoot| {
                let (path, what) = (root.path().to_owned(), what.clone());
                TakenPlace { path, what, while_there }
            };
            tenant.roots.iter().map(place)
        });
        Self {
            roots: roots.iter().map(|root| root.path().to_owned()).collect(),
            taken: std::iter::once(data).chain(of_others).collect(),
        }
    }
}

/// A directory that belongs to somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenPlace {
    /// Where it is.
    pub path: PathBuf,
    /// What it is, for people.
    pub what: String,
    /// Whether it belongs to somebody only as long as it exists.
    #[serde(default)]
    pub while_there: bool,
}

impl TakenPlace {
    /// A directory that is taken whether or not it exists.
    pub fn new(path: PathBuf, what: impl Into<String>) -> Self {
        Self { path, what: what.into(), while_there: false }
    }
}

/// What makes directories that can be roots.
#[async_trait]
pub trait RootKeeper: Send + Sync + std::fmt::Debug {
    /// Checks `new` roots, then makes those that do not exist.
    async fn prepare_roots(&self, new: NewRoots) -> Result<(), RootError>;
}

/// Makes roots in this process.
#[derive(Clone, Debug)]
pub struct RootsHere {
    forbidden: Vec<TakenPlace>,
    policy: Policy,
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
    /// Its owner could exchange what lies in it.
    #[error("`{}` cannot be one of spawner.bases: it belongs to user {uid}, who could exchange what lies in it; give it to root",
        .base.display())]
    OwnedBase {
        /// The directory.
        base: PathBuf,
        /// Its owner.
        uid: u32,
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
    /// The spawner refuses it, or could not be asked.
    #[error(transparent)]
    Spawner(Box<SpawnerError>),
    /// It cannot be looked at or made.
    #[error("`{}` cannot be used", .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RootsHere {
    /// Keeps roots off what the machine, and an installation with these settings, live on.
    pub fn new(config: &Config, policy: Policy) -> Self {
        let place = |path: PathBuf, what: &str| TakenPlace::new(path, what);
        let mut forbidden = vec![
            place(docker_directory(&config.engine.endpoint), "the directory of the Docker socket"),
            place(config.spawner.state_dir.clone(), "the spawner's own directory"),
        ];
        forbidden.extend(SYSTEM.map(|path| place(path.into(), &format!("`{path}`, which is the machine's own"))));
        Self { forbidden, policy }
    }

    /// Adds a directory to those that no root may overlap.
    pub(super) fn forbid(&mut self, path: PathBuf, what: &str) {
        self.forbidden.push(TakenPlace::new(path, what));
    }

    /// Checks that the directories workspaces may lie below hold nothing the machine lives on, and belong to no tenant.
    pub(super) fn check_bases(&self) -> Result<(), RootError> {
        let Policy::Private { bases, .. } = &self.policy else { return Ok(()) };
        for base in bases {
            let place = look(base)?;
            self.check_free(base, &place, &[])?;
            let metadata = base.metadata().map_err(|source| RootError::Unusable { path: base.clone(), source })?;
            if metadata.uid() >= FIRST_USER {
                return Err(RootError::OwnedBase { base: base.clone(), uid: metadata.uid() });
            }
        }
        Ok(())
    }

    fn check_free(&self, root: &Path, place: &Place, taken: &[TakenPlace]) -> Result<(), RootError> {
        for other in self.forbidden.iter().chain(taken) {
            let taken = look(&other.path)?;
            if (taken.exists() || !other.while_there) && place.overlaps(&taken) {
                return Err(RootError::Overlaps { root: root.to_owned(), what: other.what.clone() });
            }
        }
        Ok(())
    }

    /// What [`RootKeeper::prepare_roots`] does, for who may block.
    ///
    /// # Errors
    /// When a directory cannot be a root, or not be made.
    pub fn prepare(&self, new: &NewRoots) -> Result<(), RootError> {
        let mut missing = Vec::new();
        for root in &new.roots {
            self.policy.base_of(root).map_err(|error| RootError::Spawner(Box::new(error)))?;
            let place = look(root)?;
            if place.path() != root {
                return Err(RootError::SymbolicLink { root: root.clone(), real: place.path().to_owned() });
            }
            self.check_free(root, &place, &new.taken)?;
            if place.exists() {
                check_owner(root, &new.taken)?;
            } else {
                missing.push(root.as_path());
            }
        }
        if missing.is_empty() { Ok(()) } else { make_all(&missing, &new.taken) }
    }
}

#[async_trait]
impl RootKeeper for RootsHere {
    async fn prepare_roots(&self, new: NewRoots) -> Result<(), RootError> {
        let keeper = self.clone();
        let prepared = tokio::task::spawn_blocking(move || keeper.prepare(&new));
        prepared.await.expect("looking at directories never panics")
    }
}

/// The lowest user id for a tenant that none of its neighbours' directories belongs to.
fn free_user(taken: &[TakenPlace]) -> u32 {
    let found = taken.iter().filter_map(|place| place.path.metadata().ok());
    let owners: HashSet<u32> = found.flat_map(|place| [place.uid(), place.gid()]).collect();
    let free = (FIRST_TENANT_USER..u32::MAX).find(|user| !owners.contains(user));
    free.expect("there are more user ids than directories")
}

fn look(path: &Path) -> Result<Place, RootError> {
    Place::at(path).map_err(|source| RootError::Unusable { path: path.to_owned(), source })
}

fn check_owner(root: &Path, taken: &[TakenPlace]) -> Result<(), RootError> {
    let metadata = root.metadata().map_err(|source| RootError::Unusable { path: root.to_owned(), source })?;
    let (uid, gid) = (metadata.uid(), metadata.gid());
    if !metadata.is_dir() {
        Err(RootError::NotADirectory(root.to_owned()))
    } else if uid < FIRST_USER || gid < FIRST_USER {
        Err(RootError::SystemOwner { root: root.to_owned(), uid, gid, free: free_user(taken) })
    } else {
        Ok(())
    }
}

/// Makes directories of one owner: a user made up for the tenant where this process may give files away, its own else.
fn make_all(roots: &[&Path], taken: &[TakenPlace]) -> Result<(), RootError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let owner = if uid == 0 { free_user(taken) } else { uid };
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
