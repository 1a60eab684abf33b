//! The complete wish for a sandbox, in no engine's dialect.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::{Secret, SessionId, TenantId};

/// The lowest id a sandbox may run as: users below belong to the system.
pub const FIRST_USER: u32 = 1000;

/// Everything an engine must know to make a sandbox. What it does not say is not given: no network, no
/// capabilities, no device, no writable path but the workspace and the sized scratch space.
#[derive(Clone, Debug)]
pub struct SandboxSpec {
    /// Whose it is: written on the sandbox, so that a later server recognises it.
    pub labels: Labels,
    /// The image, by its content-addressed id, so that what was checked is what runs.
    pub image: String,
    /// The user inside, never below 1000.
    pub uid: u32,
    /// The group inside.
    pub gid: u32,
    /// The shim's environment. The agent's own comes later, over the shim's socket.
    pub env: Vec<(String, Secret)>,
    /// What is mounted at `/workspace`, writable.
    pub workspace: WorkspaceMount,
    /// What else is mounted, read-only.
    pub mounts: Vec<ReadOnlyMount>,
    /// What it may use.
    pub limits: Limits,
    /// Its weight where the processor is short, of 1,024 that another program has.
    pub cpu_shares: i64,
    /// How much it may write to the disk of its workspace; `None` where that is no one disk, or nothing bounds it.
    pub disk: Option<DiskBound>,
    /// The seccomp profile, as JSON.
    pub seccomp: String,
    /// The OCI runtime by the engine's name for it; `None` for the engine's default.
    pub runtime: Option<String>,
}

/// What names a sandbox's owner on the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The installation: two servers on one engine leave each other's sandboxes alone.
    pub installation: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// Which of the session's sandboxes it is.
    pub epoch: i64,
}

/// How the workspace is handed to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceMount {
    /// As an open descriptor of this process, which no rename can redirect: `/proc/<pid>/fd/<fd>`.
    Descriptor(PathBuf),
    /// As a path, where the engine cannot reach our descriptors. The shim's check of device and inode
    /// then catches a directory that was swapped meanwhile.
    Path(PathBuf),
}

/// A file or directory of the host that the sandbox may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnlyMount {
    /// Where it lies on the host.
    pub source: PathBuf,
    /// Where the sandbox sees it.
    pub target: &'static str,
}

/// What a sandbox may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes, scratch space included; there is no swap.
    pub memory_bytes: i64,
    /// Processor time in billionths of a core.
    pub nano_cpus: i64,
    /// Processes and threads.
    pub pids: i64,
    /// Open files of one process.
    pub open_files: i64,
    /// Bytes of each of `/tmp` and the home directory.
    pub scratch_bytes: i64,
    /// Files in each of `/tmp` and the home directory.
    pub scratch_inodes: i64,
}

/// How much a sandbox may write to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskBound {
    /// The disk's device.
    pub device: PathBuf,
    /// Writes a second.
    pub writes_per_second: u64,
}

/// The engine's own name for a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EngineId(pub String);

/// How a sandbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The shim's exit code, 128 plus the signal when it was killed.
    pub code: i64,
    /// Whether the kernel killed the shim itself for lack of memory.
    pub out_of_memory: bool,
}

/// An image the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its content-addressed id.
    pub id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A sandbox found on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSandbox {
    /// The engine's name for it.
    pub id: EngineId,
    /// Whose it is; `None` when its labels cannot be read.
    pub labels: Option<Labels>,
    /// Whether it is running.
    pub running: bool,
}
