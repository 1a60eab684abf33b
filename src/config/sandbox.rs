//! `[sandbox]`: what one sandbox may use.

use std::num::NonZeroU64;

use serde::Deserialize;

/// Limits and times of a sandbox.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Memory, scratch space included.
    pub memory_bytes: i64,
    /// Processor time in cores.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: i64,
    /// Open files of one process.
    pub open_files: i64,
    /// Bytes of each of `/tmp` and the home directory.
    pub scratch_bytes: i64,
    /// Files in each of `/tmp` and the home directory.
    pub scratch_inodes: i64,
    /// Writes a second that a sandbox's programs may wait for on the disk of its workspace; 0 for no bound.
    pub disk_writes_per_second: u64,
    /// Bytes a workspace may hold: a session over it is stopped.
    pub workspace_bytes: i64,
    /// Files and directories a workspace may hold.
    pub workspace_files: u64,
    /// Bytes an agent may say in a turn: one over it is stopped.
    pub output_bytes: i64,
    /// How fast it may say it in the long run; four seconds' worth may come at once.
    pub output_bytes_per_second: NonZeroU64,
    /// How often the workspace is looked at while an agent works in it.
    pub workspace_check_ms: u64,
    /// Bytes that must stay free on a workspace's filesystem: while there are fewer, sessions there are stopped.
    pub min_free_bytes: u64,
    /// How long making a sandbox and starting the agent in it may take.
    pub start_timeout_ms: u64,
    /// How long the agent may go on without the server.
    pub server_away_grace_ms: u64,
    /// Sandboxes that are made at the same time; 0 for two a core.
    pub concurrent_starts: usize,
}
