//! The series that begin at 0, before the first event that they count.

use super::labels::{REFUSAL_REASONS, REJECTION_REASONS};
use super::{
    AUTH_SHED, BUILD_INFO, COLLECT_ERRORS, EGRESS_BYTES, EGRESS_REQUESTS, FINDINGS, GATEWAY_LEFT, GATEWAY_REFUSALS,
    LEDGER_ERRORS, LOG_MESSAGES, OVERRUN_HOLDS, PRICE_RELOADS, REJECTIONS, SANDBOX_OOM_KILLS, SANDBOX_REMOVE_FAILURES,
    SANDBOX_START_FAILURES, SANDBOX_VIOLATIONS, SESSIONS_CREATED, SURVEYS_INCOMPLETE, TURNS_LOST_AT_START,
    UNPRICED_CALLS, UPSTREAM_ERRORS,
};

/// Begins the series whose first event must not be missed: an increase is seen only from a value that was there before.
pub(in crate::metrics) fn begin() {
    BUILD_INFO.set([env!("CARGO_PKG_VERSION")], 1.0);
    AUTH_SHED.begin([]);
    UNPRICED_CALLS.begin([]);
    OVERRUN_HOLDS.begin([]);
    TURNS_LOST_AT_START.set([], 0.0);
    SANDBOX_REMOVE_FAILURES.begin([]);
    GATEWAY_LEFT.begin([]);
    EGRESS_REQUESTS.begin(["allowed"]);
    for direction in ["sent", "received"] {
        EGRESS_BYTES.begin([direction]);
    }
    for collector in ["ledger", "budgets", "tenants", "sessions", "turns", "disk"] {
        COLLECT_ERRORS.begin([collector]);
    }
    for reason in ["image", "runtime", "engine", "weak", "fault", "ended", "timeout", "workspace", "other"] {
        SANDBOX_START_FAILURES.begin([reason]);
    }
    for kind in ["workspace", "posture", "egress", "foreign_token"] {
        SANDBOX_VIOLATIONS.begin([kind]);
    }
    for operation in ["open", "shrink", "settle"] {
        LEDGER_ERRORS.begin([operation]);
    }
    for kind in ["rate_limited", "overloaded", "server_error", "client_error", "connect", "timeout", "cut"] {
        UPSTREAM_ERRORS.begin([kind]);
    }
    for result in ["ok", "failed"] {
        PRICE_RELOADS.begin([result]);
    }
    for finding in ["upstream_key", "upstream", "budget", "model", "tool", "image"] {
        FINDINGS.set([finding], 0.0);
    }
    for level in ["warn", "error"] {
        LOG_MESSAGES.begin([level]);
    }
}

/// Begins what is counted for a tenant, before the first of it happens.
pub(in crate::metrics) fn begin_tenant(tenant: &str) {
    SESSIONS_CREATED.begin([tenant]);
    SANDBOX_OOM_KILLS.begin([tenant]);
    SURVEYS_INCOMPLETE.begin([tenant]);
    for reason in REJECTION_REASONS {
        REJECTIONS.begin([tenant, reason]);
    }
    for reason in REFUSAL_REASONS {
        GATEWAY_REFUSALS.begin([tenant, reason]);
    }
}
