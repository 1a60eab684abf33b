//! `[gateway]`: the model API and how it is called.

use std::path::PathBuf;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

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
    /// How long an answer nobody listens to is read on at most.
    pub drain_timeout_ms: u64,
    /// How long an answer waits in all for a caller that does not read it.
    pub reader_timeout_ms: u64,
    /// How long a call waits for money that other calls hold.
    pub money_wait_ms: u64,
    /// The most that the open calls of one tenant may hold of a budget that tenants share, in percent of what is not spent.
    #[serde(deserialize_with = "percent")]
    pub max_tenant_share_percent: u8,
    /// The largest request body a sandbox may send.
    pub max_body_bytes: usize,
    /// The memory of all sandboxes' request bodies together.
    pub body_memory_bytes: usize,
    /// Values of `anthropic-beta` that calls may have beside those whose price is known.
    pub allowed_betas: Vec<String>,
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let percent = u8::deserialize(deserializer)?;
    let is_share = (1..=100).contains(&percent);
    is_share
        .then_some(percent)
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Unsigned(percent.into()), &"1 to 100"))
}
