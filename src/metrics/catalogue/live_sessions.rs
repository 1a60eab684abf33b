//! Live sessions, one series each.

use super::declare;

declare! {
    /// What the present turn has cost so far in US dollars.
    LIVE_COST: Collected(Collected Gauge) = "innkeeper_live_session_cost_usd", [TENANT, SESSION];
    /// Seconds since the present turn was accepted.
    LIVE_AGE: Collected(Collected Gauge) = "innkeeper_live_session_age_seconds", [TENANT, SESSION];
    /// Memory the sandbox cannot do without: what it uses less what the kernel could take back at once.
    LIVE_MEMORY: Collected(Collected Gauge) = "innkeeper_live_session_memory_bytes", [TENANT, SESSION];
    /// Memory the sandbox may use.
    LIVE_MEMORY_LIMIT: Collected(Collected Gauge) = "innkeeper_live_session_memory_limit_bytes", [TENANT, SESSION];
    /// Processor time the sandbox has used, in seconds.
    LIVE_CPU: Collected(Collected Counter) = "innkeeper_live_session_cpu_seconds_total", [TENANT, SESSION];
    /// Processes and threads in the sandbox.
    LIVE_PIDS: Collected(Collected Gauge) = "innkeeper_live_session_pids", [TENANT, SESSION];
    /// Live sessions that are told of in sums only, because there are too many.
    LIVE_OMITTED: Collected(Collected Gauge) = "innkeeper_live_sessions_omitted", [];
}
