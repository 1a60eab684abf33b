//! Single turns of sessions, while they live and for a while after.

use super::declare;

declare! {
    /// What a turn has cost so far in US dollars. It stays for five minutes after the turn's end.
    LIVE_COST: Collected(Collected Gauge) = "innkeeper_live_session_cost_usd", [TENANT, SESSION, TURN];
    /// Seconds since a turn was accepted, or from then to its end. It stays for five minutes after the turn's end.
    LIVE_AGE: Collected(Collected Gauge) = "innkeeper_live_session_age_seconds", [TENANT, SESSION, TURN];
    /// When a turn ended, in seconds since 1970, for five minutes after. A turn under way has none.
    LIVE_ENDED: Collected(Collected Gauge) = "innkeeper_live_session_ended_timestamp_seconds", [TENANT, SESSION, TURN];
    /// Memory the sandbox cannot do without: what it uses less what the kernel could take back at once.
    LIVE_MEMORY: Collected(Collected Gauge) = "innkeeper_live_session_memory_bytes", [TENANT, SESSION];
    /// Memory the sandbox may use.
    LIVE_MEMORY_LIMIT: Collected(Collected Gauge) = "innkeeper_live_session_memory_limit_bytes", [TENANT, SESSION];
    /// Processor time the sandbox has used, in seconds.
    LIVE_CPU: Collected(Collected Counter) = "innkeeper_live_session_cpu_seconds_total", [TENANT, SESSION];
    /// Processes and threads in the sandbox.
    LIVE_PIDS: Collected(Collected Gauge) = "innkeeper_live_session_pids", [TENANT, SESSION];
    /// Live sessions without series of their own, because there are too many.
    LIVE_OMITTED: Collected(Collected Gauge) = "innkeeper_live_sessions_omitted", [];
    /// Turns that ended in the last five minutes without series of their own, because there are too many.
    ENDED_OMITTED: Collected(Collected Gauge) = "innkeeper_ended_turns_omitted", [];
}
