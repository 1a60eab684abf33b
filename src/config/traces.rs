//! `[traces]`: where spans are sent, and what is made of the context that callers and the model API know.

use serde::Deserialize;

use crate::domain::{Rate, Secret};

/// The traces.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// Where spans are sent, by OTLP over HTTP; empty: nowhere.
    pub otlp_endpoint: String,
    /// Headers that are sent with them, `NAME=VALUE` with commas between.
    pub otlp_headers: Secret,
    /// How long sending may take.
    pub timeout_ms: u64,
    /// What the service is called.
    pub service_name: String,
    /// The share of traces that is kept, from 0 to 1.
    pub sample_ratio: f64,
    /// What a caller's `traceparent` counts.
    pub incoming: IncomingTraces,
    /// Whether model calls carry the trace to the model API.
    pub send_upstream: bool,
    /// The largest piece of telemetry that is taken from an agent.
    pub agent_max_body_bytes: usize,
    /// How fast such pieces may come from one session.
    pub agent_rate: Rate,
}

/// What a caller's `traceparent` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncomingTraces {
    /// Nothing: each request begins a trace.
    Ignore,
    /// The request's span is part of the caller's trace; whether it is kept is not the caller's choice.
    Join,
    /// The same, and what the caller keeps is kept, what it does not keep is not.
    Follow,
}
