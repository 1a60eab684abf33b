//! What is said to the spawner, and what it answers.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use innkeeper_shim::protocol::Token;
use serde::{Deserialize, Serialize};

use crate::domain::{SandboxName, SessionId, SessionLimits, TenantId};
use crate::engine::{EngineId, Limits};

/// Where a workspace is: a root of the tenant, and the way below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspacePath {
    /// The root it lies below.
    pub root: PathBuf,
    /// Its path below the root; empty for the root itself.
    pub relative: PathBuf,
}

/// A directory that was found to be inside a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundWorkspace {
    /// Its owner, as whom a sandbox runs in it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The device it lies on.
    pub device: u64,
    /// Its number on the device.
    pub inode: u64,
}

/// A wish for a sandbox: all that whoever faces the network has a say in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Whose it is.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// Which of the session's sandboxes it is.
    pub epoch: i64,
    /// Where it works.
    pub workspace: WorkspacePath,
    /// The image; `None` for the installation's own.
    pub image: Option<String>,
    /// The OCI runtime; `None` for the installation's own.
    pub runtime: Option<String>,
    /// What it may use, where that is less than the installation gives everybody.
    pub limits: SessionLimits,
    /// What its shim proves itself with.
    pub token: Token,
    /// How long its agent may go on without the server.
    pub grace: Duration,
    /// Whether its shim listens for tools that want to reach hosts. Which it reaches is for the gateway to say.
    pub has_egress: bool,
}

/// A sandbox that was made, not yet started.
#[derive(Debug)]
pub struct Opened {
    /// The engine's name for it.
    pub id: EngineId,
    /// What it must show of itself before an agent starts in it.
    pub confinement: Confinement,
    /// Where its shim connects: a listening unix socket.
    pub shim: OwnedFd,
    /// Where it reaches the model: a listening unix socket.
    pub model: OwnedFd,
}

/// What came of removing every sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// How many were removed.
    pub removed: usize,
    /// Those that are still there.
    pub remaining: Vec<SandboxName>,
}

/// What a sandbox was ordered to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The directory that is mounted, and whose owner it runs as.
    pub workspace: FoundWorkspace,
    /// What it may use.
    pub limits: Limits,
}

impl Order {
    /// Which sandbox it is.
    pub const fn name(&self) -> SandboxName {
        SandboxName { session: self.session, epoch: self.epoch }
    }
}

#[cfg(test)]
impl Order {
    /// A sandbox for whom nobody knows.
    pub(crate) fn test(workspace: WorkspacePath) -> Self {
        Self {
            tenant: TenantId::generate(),
            session: SessionId::generate(),
            epoch: 1,
            workspace,
            image: None,
            runtime: None,
            limits: SessionLimits::default(),
            token: Token::new("token"),
            grace: Duration::from_secs(1),
            has_egress: false,
        }
    }
}
