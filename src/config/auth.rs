//! `[auth]`: keys.

use serde::Deserialize;

use crate::domain::Rate;

/// How keys are verified.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// How long a verified key is believed without hashing it again.
    pub cache_ttl_ms: u64,
    /// Wrong keys that may come from one address.
    pub failures: Rate,
}
