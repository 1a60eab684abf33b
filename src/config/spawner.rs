//! `[spawner]`: the process that holds the engine, where that is not the server itself.

use std::num::NonZeroU64;
use std::path::PathBuf;

use serde::Deserialize;

/// Where the spawner's process is, and what it lets the server have.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpawnerConfig {
    /// How long one of its calls may take, whichever process it is in.
    pub call_timeout_ms: NonZeroU64,
    /// How long one may take that walks through a workspace, or removes what an earlier run left.
    pub walk_timeout_ms: NonZeroU64,
    /// Its socket; empty: the server holds the engine itself.
    pub socket: PathBuf,
    /// The user the server runs as; 0: the one the spawner runs as.
    pub client_uid: u32,
    /// The directories below which every workspace lies.
    pub bases: Vec<PathBuf>,
    /// Images that tenants may have beside the installation's own.
    pub images: Vec<String>,
    /// Runtimes that tenants may have beside the installation's own.
    pub runtimes: Vec<String>,
    /// Where it keeps the sockets of live sandboxes.
    pub state_dir: PathBuf,
}
