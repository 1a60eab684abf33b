//! Calls of both listeners, and who came in.

use super::declare;

/// Most answers come at once; a start waits for the kernel and the store.
const FAST: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// A hash takes some 15 ms of a processor.
const HASHING: &[f64] = &[0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0];

declare! {
    /// Calls that were answered.
    HTTP_REQUESTS: Counter(Recorded Counter) = "innkeeper_http_requests_total", [LISTENER, ROUTE, METHOD, STATUS];
    /// Seconds from a call to the head of its answer.
    HTTP_DURATION: Histogram(Recorded Histogram) = "innkeeper_http_request_duration_seconds", [LISTENER, ROUTE], FAST;
    /// Calls that are being answered.
    HTTP_IN_FLIGHT: Gauge(Recorded Gauge) = "innkeeper_http_requests_in_flight", [LISTENER];
    /// Calls of a tenant that was let in, which did not get what they asked for.
    REJECTIONS: Counter(Recorded Counter) = "innkeeper_requests_rejected_total", [TENANT, REJECTION];
    /// Credentials that were shown, by what came of it.
    AUTH_ATTEMPTS: Counter(Recorded Counter) = "innkeeper_auth_attempts_total", [CREDENTIAL, ATTEMPT];
    /// Seconds a key that is not known takes to be verified, its wait for its turn included.
    AUTH_VERIFICATION: Histogram(Recorded Histogram) = "innkeeper_auth_verification_duration_seconds", [], HASHING;
    /// Keys that were not verified because too many others were.
    AUTH_SHED: Counter(Recorded Counter) = "innkeeper_auth_verifications_shed_total", [];
}
