//! `[engine]`: what makes the sandboxes.

use std::num::NonZeroU64;

use serde::Deserialize;

/// How the engine is told which directory to mount as a workspace.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HandOver {
    /// By our open descriptor: nobody can exchange the directory any more.
    Descriptor,
    /// By its path.
    Path,
}

/// The engine and what it is told to use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// The Docker socket; empty for the default.
    pub endpoint: String,
    /// The sandbox image.
    pub image: String,
    /// The OCI runtime; empty for the engine's default.
    pub runtime: String,
    /// How workspaces are handed over.
    pub hand_over: HandOver,
    /// How long the engine may take to answer what it is, which image it has, and how a sandbox ended.
    pub inspect_timeout_ms: NonZeroU64,
    /// How long it may take to list sandboxes and volumes.
    pub list_timeout_ms: NonZeroU64,
    /// How long it may take to create a sandbox.
    pub create_timeout_ms: NonZeroU64,
    /// How long it may take to start one.
    pub start_timeout_ms: NonZeroU64,
    /// How long it may take to kill one.
    pub kill_timeout_ms: NonZeroU64,
    /// How long it may take to remove one.
    pub remove_timeout_ms: NonZeroU64,
}
