//! `[engine]`: what makes the sandboxes.

use serde::Deserialize;

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
}
