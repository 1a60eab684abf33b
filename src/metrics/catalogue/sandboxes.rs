//! Sandboxes, and the spawner that makes them.

use super::declare;

/// From a twentieth of a second to a minute.
const STARTS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];

/// From five milliseconds to half a minute.
const CALLS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

declare! {
    /// Seconds each phase of a sandbox's start took.
    SANDBOX_START: Histogram(Recorded Histogram) = "innkeeper_sandbox_start_duration_seconds", [PHASE], STARTS;
    /// Sandboxes that could not be made, by why.
    SANDBOX_START_FAILURES: Counter(Recorded Counter) = "innkeeper_sandbox_start_failures_total", [START_FAILURE];
    /// Processes that were killed in sandboxes for want of memory. The agent may go on after it.
    SANDBOX_OOM_KILLS: Counter(Recorded Counter) = "innkeeper_sandbox_oom_kills_total", [TENANT];
    /// Surveys after a sandbox that reached a bound: places that may hold files that run later were not looked at. Each attempt
    /// counts.
    SURVEYS_INCOMPLETE: Counter(Recorded Counter) = "innkeeper_surveys_incomplete_total", [TENANT];
    /// Sandboxes that are made, used or being removed.
    SANDBOXES: Gauge(Recorded Gauge) = "innkeeper_sandboxes", [];
    /// Sandboxes of no live session that were found and removed.
    ORPHANS_REMOVED: Counter(Recorded Counter) = "innkeeper_orphan_sandboxes_removed_total", [];
    /// Attempts to remove a sandbox that failed. They are repeated until one works, over restarts too.
    SANDBOX_REMOVE_FAILURES: Counter(Recorded Counter) = "innkeeper_sandbox_remove_failures_total", [];
    /// Seconds the spawner took to do what it was asked, the engine's time in it.
    SPAWNER_CALLS: Histogram(Recorded Histogram) = "innkeeper_spawner_call_duration_seconds", [CALL], CALLS;
    /// Calls of the spawner that failed, other than by what they asked for.
    SPAWNER_ERRORS: Counter(Recorded Counter) = "innkeeper_spawner_errors_total", [CALL];
}
