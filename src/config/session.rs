//! `[session]`: how many, how long, and how they are stopped.

use serde::Deserialize;

/// Limits and times of sessions and turns.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// Sessions that may have a sandbox at the same time.
    pub max_running: usize,
    /// Of one tenant's, unless its own limits say otherwise.
    pub max_running_per_tenant: usize,
    /// Sessions of one tenant that may wait, unless its own limits say otherwise.
    pub max_waiting_per_tenant: usize,
    /// Bytes of the requests of one tenant's sessions that wait, unless its own limits say otherwise.
    pub max_waiting_bytes_per_tenant: u64,
    /// Bytes that one tenant's sessions may hold in the store, unless its own limits say otherwise.
    pub max_stored_bytes_per_tenant: u64,
    /// For how many days sessions are kept after they ended, unless a tenant's own limits say otherwise; 0: until they are
    /// deleted.
    pub retention_days: u32,
    /// How long a session may wait.
    pub wait_timeout_ms: u64,
    /// How long nothing may be heard of an agent at work.
    pub silence_timeout_ms: u64,
    /// How long a turn may take.
    pub turn_timeout_ms: u64,
    /// How long a sandbox may live.
    pub total_timeout_ms: u64,
    /// How long the agent may take to report after it was asked to stop.
    pub interrupt_grace_ms: u64,
    /// How long it may take to end after each signal.
    pub signal_grace_ms: u64,
    /// The longest prompt.
    pub max_prompt_bytes: usize,
    /// The longest system prompt.
    pub max_system_prompt_bytes: usize,
    /// Bytes of the names and values of a request's variables.
    pub max_env_bytes: usize,
    /// The longest conversation that can be resumed: its transcript, and its prompts.
    pub max_conversation_bytes: u64,
}
