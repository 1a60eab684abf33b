//! What one session may use: asked for with a turn, lowered to what its tenant and the installation allow.

use serde::{Deserialize, Serialize};

use super::count::optional_count;
use super::{TenantLimits, Usd, optional_amount_schema};

/// Limits of a session. As asked for, what is absent is as the tenant's limits and the settings say; as applied, nothing is
/// absent but the cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionLimits {
    /// What all turns of the session may cost together: US dollars, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = optional_amount_schema, required = false)]
    pub max_cost_usd: Option<Usd>,
    /// Rounds of model and tools a turn may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Int64, minimum = 1, maximum = 4_294_967_295_i64)]
    pub max_turns: Option<u32>,
    /// How long a turn may take.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_count")]
    #[schema(minimum = 1, example = 600_000)]
    pub turn_timeout_ms: Option<u64>,
    /// How long a sandbox may live.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_count")]
    #[schema(minimum = 1)]
    pub total_timeout_ms: Option<u64>,
    /// Memory of the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 268_435_456)]
    pub memory_bytes: Option<i64>,
    /// Processors of the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.01)]
    pub cpus: Option<f64>,
    /// Processes of the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 32)]
    pub pids: Option<i64>,
    /// Bytes the workspace may hold: a session over it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub workspace_bytes: Option<i64>,
    /// Bytes the agent may say in a turn: one over it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 65_536)]
    pub output_bytes: Option<i64>,
}

/// The least memory an agent starts in, and the fewest processes.
const MIN_MEMORY_BYTES: i64 = 256 * 1024 * 1024;
const MIN_PIDS: i64 = 32;

/// What an agent says of itself before it answers, and some more.
const MIN_OUTPUT_BYTES: i64 = 64 * 1024;

impl SessionLimits {
    /// What is wrong with them, if anything: an agent would not come up within them.
    pub fn fault(&self) -> Option<&'static str> {
        let too_few = |value: Option<i64>, least| value.is_some_and(|value| value < least);
        if self.max_turns == Some(0) {
            return Some("max_turns must be at least 1");
        }
        if self.turn_timeout_ms == Some(0) || self.total_timeout_ms == Some(0) {
            return Some("a timeout of 0 leaves no time; leave it out for the longest allowed");
        }
        if too_few(self.memory_bytes, MIN_MEMORY_BYTES) {
            return Some("memory_bytes must be at least 268435456: the agent does not start in less");
        }
        if too_few(self.pids, MIN_PIDS) {
            return Some("pids must be at least 32: the agent does not start with fewer");
        }
        if self.cpus.is_some_and(|cpus| cpus.is_nan() || cpus < 0.01) {
            return Some("cpus must be at least 0.01");
        }
        if too_few(self.output_bytes, MIN_OUTPUT_BYTES) {
            return Some("output_bytes must be at least 65536: the agent says as much before it answers");
        }
        if too_few(self.workspace_bytes, 1) {
            return Some("workspace_bytes must be at least 1");
        }
        if self.max_cost_usd.is_some_and(|cost| cost < Usd::ZERO) {
            return Some("max_cost_usd cannot be less than nothing");
        }
        if self.max_cost_usd.is_some_and(|cost| cost > Usd::MAX) {
            return Some("max_cost_usd cannot be more than 1000000000");
        }
        None
    }

    /// The limits of a tenant, as far as a session has them.
    pub fn of_tenant(tenant: &TenantLimits) -> Self {
        Self {
            max_cost_usd: None,
            max_turns: tenant.max_turns,
            turn_timeout_ms: tenant.turn_timeout_ms,
            total_timeout_ms: tenant.total_timeout_ms,
            memory_bytes: tenant.memory_bytes,
            cpus: tenant.cpus,
            pids: tenant.pids,
            workspace_bytes: tenant.workspace_bytes,
            output_bytes: tenant.output_bytes,
        }
    }

    /// The lower of each.
    #[must_use]
    pub fn lowest(&self, other: &Self) -> Self {
        fn lower<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(if other < one { other } else { one }),
                (one, other) => one.or(other),
            }
        }
        Self {
            max_cost_usd: lower(self.max_cost_usd, other.max_cost_usd),
            max_turns: lower(self.max_turns, other.max_turns),
            turn_timeout_ms: lower(self.turn_timeout_ms, other.turn_timeout_ms),
            total_timeout_ms: lower(self.total_timeout_ms, other.total_timeout_ms),
            memory_bytes: lower(self.memory_bytes, other.memory_bytes),
            cpus: lower(self.cpus, other.cpus),
            pids: lower(self.pids, other.pids),
            workspace_bytes: lower(self.workspace_bytes, other.workspace_bytes),
            output_bytes: lower(self.output_bytes, other.output_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_what_is_asked_for_and_allowed_is_what_a_session_gets() {
        let asked = SessionLimits { pids: Some(900), cpus: Some(0.5), ..SessionLimits::default() };
        let tenant = TenantLimits { pids: Some(100), memory_bytes: Some(1 << 30), ..TenantLimits::default() };
        let applied = asked.lowest(&SessionLimits::of_tenant(&tenant));
        assert_eq!((applied.pids, applied.cpus, applied.memory_bytes), (Some(100), Some(0.5), Some(1 << 30)));
    }

    #[test]
    fn what_no_agent_starts_in_is_refused_with_the_reason() {
        for (text, word) in [
            (r#"{"memory_bytes": 1}"#, "memory_bytes"),
            (r#"{"pids": 1}"#, "pids"),
            (r#"{"cpus": 0}"#, "cpus"),
            (r#"{"output_bytes": 1}"#, "output_bytes"),
            (r#"{"workspace_bytes": 0}"#, "workspace_bytes"),
            (r#"{"turn_timeout_ms": 0}"#, "timeout"),
        ] {
            let limits: SessionLimits = serde_json::from_str(text).unwrap();
            assert!(limits.fault().unwrap().contains(word), "{text}");
        }
        let limits: SessionLimits = serde_json::from_str(r#"{"max_cost_usd": "0.50", "pids": 64}"#).unwrap();
        assert_eq!(limits.fault(), None);
        assert_eq!(serde_json::to_string(&limits).unwrap(), r#"{"max_cost_usd":"0.5","pids":64}"#);
        for bad in [r#"{"pid": 1}"#, r#"{"max_cost_usd": "much"}"#] {
            assert!(serde_json::from_str::<SessionLimits>(bad).is_err(), "{bad}");
        }
    }
}
