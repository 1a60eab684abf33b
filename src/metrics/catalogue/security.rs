//! What sandboxes tried, and whether their confinement holds.

use super::declare;

declare! {
    /// What was tried or found that confinement is there to refuse.
    SANDBOX_VIOLATIONS: Counter(Recorded Counter) = "innkeeper_sandbox_violations_total", [VIOLATION];
    /// Hosts that sandboxes asked for.
    EGRESS_REQUESTS: Counter(Recorded Counter) = "innkeeper_egress_requests_total", [DECISION];
    /// Bytes that went through granted egress.
    EGRESS_BYTES: Counter(Recorded Counter) = "innkeeper_egress_bytes_total", [DIRECTION];
    /// Whether the last drill's probe held (1) or not (0).
    DRILL_PROBE: Gauge(Recorded Gauge) = "innkeeper_drill_probe_passed", [PROBE];
    /// When the last drill began, in seconds since 1970.
    DRILL_LAST_RUN: Gauge(Recorded Gauge) = "innkeeper_drill_last_run_timestamp_seconds", [];
}
