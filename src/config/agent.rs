//! `[agent]`: the agent's defaults.

use serde::Deserialize;

use crate::domain::PermissionMode;

/// What a request that does not say gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The model.
    pub default_model: String,
    /// The permission mode.
    pub default_permission_mode: PermissionMode,
    /// The most tokens the agent asks of one answer.
    pub max_output_tokens: u32,
    /// How often the agent repeats a model call.
    pub max_retries: u32,
}
