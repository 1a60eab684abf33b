//! `[gateway]`: the model API and how it is called.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::Secret;

/// The upstream and its limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// The model API every call is forwarded to.
    pub upstream_url: String,
    /// The key it is called with.
    pub api_key: Secret,
    /// A file to read prices from; empty for the built-in table.
    pub prices_file: PathBuf,
    /// How long the model may take to begin its answer.
    pub response_timeout_ms: u64,
    /// How long it may take between two pieces of its answer.
    pub stream_idle_timeout_ms: u64,
    /// How long an answer nobody listens to is read on.
    pub drain_timeout_ms: u64,
    /// The largest request body a sandbox may send.
    pub max_body_bytes: usize,
    /// The memory of all sandboxes' request bodies together.
    pub body_memory_bytes: usize,
}
