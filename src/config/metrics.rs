//! `[metrics]`: how much of a large installation the metrics tell one by one.

use serde::Deserialize;

/// The metrics.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Tenants with series of their own.
    pub max_tenants: usize,
    /// Live sessions with series of their own.
    pub max_live_sessions: usize,
    /// Turns that ended in the last minutes with series of their own.
    pub max_ended_turns: usize,
}
