//! Sessions and their turns.

use super::declare;

/// From a second to four hours.
const TURNS: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0];

/// From nothing to half an hour.
const WAITS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0];

/// From a tenth of a cent to 50 dollars.
const DOLLARS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0];

/// Rounds.
const ROUNDS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0];

declare! {
    /// Sessions that were created.
    SESSIONS_CREATED: Counter(Recorded Counter) = "innkeeper_sessions_created_total", [TENANT];
    /// Turns that ended, first turns of their session and later ones, by how.
    TURNS_ENDED: Counter(Recorded Counter) = "innkeeper_turns_ended_total", [TENANT, REASON];
    /// Seconds from the moment a turn's sandbox began to be made to the turn's end. A turn that never came to that has none.
    TURN_DURATION: Histogram(Recorded Histogram) = "innkeeper_turn_duration_seconds", [OUTCOME], TURNS;
    /// What a turn had cost in US dollars when it ended. A call that was still read to its end then is not in it.
    TURN_COST: Histogram(Recorded Histogram) = "innkeeper_turn_cost_usd", [OUTCOME], DOLLARS;
    /// Rounds of model and tools in a turn, as the agent told.
    TURN_ROUNDS: Histogram(Recorded Histogram) = "innkeeper_turn_rounds", [], ROUNDS;
    /// Turns that were under way when the server ended before, and were ended at its last start.
    TURNS_LOST_AT_START: Gauge(Recorded Gauge) = "innkeeper_turns_lost_at_start", [];
    /// Seconds a turn waited for its place.
    QUEUE_WAIT: Histogram(Recorded Histogram) = "innkeeper_queue_wait_seconds", [], WAITS;
    /// Live sessions, by what they are about. A tenant without any has no series.
    SESSIONS: Collected(Collected Gauge) = "innkeeper_sessions", [TENANT, STAGE];
    /// How many sessions of a tenant may run at the same time.
    SESSIONS_QUOTA: Collected(Collected Gauge) = "innkeeper_sessions_quota", [TENANT];
    /// How many sessions may run at the same time in all.
    SESSIONS_CAPACITY: Collected(Collected Gauge) = "innkeeper_sessions_capacity", [];
    /// Turns that wait for a place.
    QUEUE_LENGTH: Collected(Collected Gauge) = "innkeeper_queue_length", [];
    /// Seconds the oldest of the waiting turns has waited; 0 when none waits.
    QUEUE_OLDEST: Collected(Collected Gauge) = "innkeeper_queue_oldest_seconds", [];
}
