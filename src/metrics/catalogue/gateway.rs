//! Calls of the model.

use super::declare;

/// From a quarter of a second to ten minutes.
const ANSWERS: &[f64] =
    &[0.25, 0.4, 0.63, 1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0, 25.0, 40.0, 63.0, 100.0, 160.0, 250.0, 400.0, 600.0];

/// From a tenth of a second to half a minute.
const FIRST_TOKENS: &[f64] = &[0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 30.0];

/// From half a millisecond to a quarter of a second.
const OVERHEAD: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];

/// From nothing to the longest that is waited for money.
const HOLD_WAITS: &[f64] = &[0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 180.0, 540.0];

/// From a hundredth to more than all: the last range must stay empty.
const RATIOS: &[f64] = &[0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0];

/// From a tenth of a millisecond to half a second.
const WRITES: &[f64] = &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

declare! {
    /// Calls of the model that were made and are settled, by the model's answer.
    GATEWAY_CALLS: Counter(Recorded Counter) = "innkeeper_gateway_calls_total", [MODEL, STATUS, USAGE];
    /// Seconds from sending a call to the model to the end of its answer.
    GATEWAY_DURATION: Histogram(Recorded Histogram) = "innkeeper_gateway_call_duration_seconds", [MODEL], ANSWERS;
    /// Seconds from sending a call to the model to the first piece of its answer.
    GATEWAY_FIRST_TOKEN: Histogram(Recorded Histogram) = "innkeeper_gateway_first_token_seconds", [MODEL], FIRST_TOKENS;
    /// Seconds the gateway itself spent on a call before it went out: reading it and holding its money, waiting not included.
    GATEWAY_OVERHEAD: Histogram(Recorded Histogram) = "innkeeper_gateway_overhead_seconds", [], OVERHEAD;
    /// Calls of the model under way.
    GATEWAY_IN_FLIGHT: Gauge(Recorded Gauge) = "innkeeper_gateway_calls_in_flight", [];
    /// Calls that were not made, by why.
    GATEWAY_REFUSALS: Counter(Recorded Counter) = "innkeeper_gateway_refusals_total", [TENANT, REFUSAL];
    /// Calls that failed at the model API, or on the way to it.
    UPSTREAM_ERRORS: Counter(Recorded Counter) = "innkeeper_gateway_upstream_errors_total", [ERROR];
    /// Callers that left before their answer's end. It is read to its end all the same, because it is paid for.
    GATEWAY_LEFT: Counter(Recorded Counter) = "innkeeper_gateway_callers_left_total", [];
    /// Answers that are read on although nobody waits for them.
    GATEWAY_DRAINS: Gauge(Recorded Gauge) = "innkeeper_gateway_drains", [];
    /// Answers that name a model or a price modifier without a price. They are charged as the model asked for, at the most
    /// expensive modifier.
    UNPRICED_CALLS: Counter(Recorded Counter) = "innkeeper_gateway_unpriced_calls_total", [];
    /// Seconds a call waited for its money to be held.
    HOLD_WAIT: Histogram(Recorded Histogram) = "innkeeper_hold_wait_seconds", [], HOLD_WAITS;
    /// A settled call's cost by what was held for it at first.
    SETTLEMENT_RATIO: Histogram(Recorded Histogram) = "innkeeper_hold_settlement_ratio", [], RATIOS;
    /// Calls that cost more than was held for them: the price table or the bound of their input is wrong.
    OVERRUN_HOLDS: Counter(Recorded Counter) = "innkeeper_holds_overrun_total", [];
    /// Seconds a transaction of the ledger took.
    LEDGER_WRITES: Histogram(Recorded Histogram) = "innkeeper_ledger_write_duration_seconds", [OPERATION], WRITES;
    /// Transactions of the ledger that failed.
    LEDGER_ERRORS: Counter(Recorded Counter) = "innkeeper_ledger_errors_total", [OPERATION];
}
