//! Sessions and their turns.

use super::declare;

/// From a second to four hours, ten to a factor of ten: a quantile is off by a quarter at most.
const TURNS: &[f64] = &[
    1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0, 10.0, 12.5, 16.0, 20.0, 25.0, 32.0, 40.0, 50.0, 63.0, 80.0,
    100.0, 125.0, 160.0, 200.0, 250.0, 315.0, 400.0, 500.0, 630.0, 800.0, 1000.0, 1250.0, 1600.0, 2000.0, 2500.0,
    3150.0, 4000.0, 5000.0, 6300.0, 8000.0, 10000.0, 12500.0, 14400.0,
];

/// From nothing to half an hour.
const WAITS: &[f64] = &[
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0, 25.0, 40.0, 63.0, 100.0, 160.0, 250.0, 400.0,
    630.0, 1000.0, 1800.0,
];

/// From a tenth of a cent to 100 dollars, five to a factor of ten.
const DOLLARS: &[f64] = &[
    0.001, 0.0016, 0.0025, 0.004, 0.0063, 0.01, 0.016, 0.025, 0.04, 0.063, 0.1, 0.16, 0.25, 0.4, 0.63, 1.0, 1.6, 2.5,
    4.0, 6.3, 10.0, 16.0, 25.0, 40.0, 63.0, 100.0,
];

/// Rounds.
const ROUNDS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0];

declare! {
    /// Sessions that were created.
    SESSIONS_CREATED: Counter(Recorded Counter) = "innkeeper_sessions_created_total", [TENANT];
    /// Turns that ended, first turns of their session and later ones, by how: all there ever were.
    TURNS_ENDED: Collected(Collected Counter) = "innkeeper_turns_ended_total", [TENANT, REASON];
    /// Seconds from the request of a turn to its end, added up over all turns that ever ended. The wait for a place is in it.
    TURNS_SECONDS: Collected(Collected Counter) = "innkeeper_turns_ended_seconds_total", [TENANT];
    /// Seconds from the request of a turn to its end. The wait for a place is in it.
    TURN_TOTAL_DURATION: Histogram(Recorded Histogram) = "innkeeper_turn_total_duration_seconds", [OUTCOME], TURNS;
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
    /// Seconds that sessions had a place, added up: its rate is how many had one on average, however short they were.
    PLACE_SECONDS: Collected(Collected Counter) = "innkeeper_sessions_place_seconds_total", [TENANT];
    /// Live sessions, by what they are about. A tenant that had none since the server's start has no series.
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
