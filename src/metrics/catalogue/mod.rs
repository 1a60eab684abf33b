//! The catalogue: every family there is, chapter by chapter, as the way of a turn goes.

mod declare;
mod gateway;
mod labels;
mod live_sessions;
mod money;
mod requests;
mod sandboxes;
mod security;
mod server;
mod sessions;

pub use gateway::*;
pub use live_sessions::*;
pub use money::*;
pub use requests::*;
pub use sandboxes::*;
pub use security::*;
pub use server::*;
pub use sessions::*;

use super::family::Family;
use declare::declare;

/// A chapter: its title, what it is about, its families.
pub(super) type Chapter = (&'static str, &'static str, &'static [&'static Family]);

/// The chapters.
pub(super) const CHAPTERS: &[Chapter] = &[
    ("Requests", "Calls of tenants and operators, and who was not let in.", requests::ALL),
    ("Sessions and turns", "What is under way, what waits, and how turns ended.", sessions::ALL),
    ("Live sessions", "One series a session, as long as it lives.", live_sessions::ALL),
    ("Sandboxes", "How long sandboxes take, and what became of them.", sandboxes::ALL),
    ("Gateway", "Calls of the model, from the hold to the settlement.", gateway::ALL),
    ("Money", "What was spent, what is left, and whether the counting is right.", money::ALL),
    ("Security", "What sandboxes tried, and whether their confinement holds.", security::ALL),
    ("Server", "The process itself.", server::ALL),
];

/// Every family.
pub fn families() -> impl Iterator<Item = &'static Family> {
    CHAPTERS.iter().flat_map(|(_, _, families)| families.iter().copied())
}

/// Begins the series whose first event must not be missed: an increase is seen only from a value that was there before.
pub(super) fn begin() {
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
    for collector in ["ledger", "budgets", "tenants", "sessions"] {
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
    for level in ["warn", "error"] {
        LOG_MESSAGES.begin([level]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::Kind;

    #[test]
    fn families_are_named_as_prometheus_wants() {
        let mut names = BTreeSet::new();
        for family in families() {
            let name = family.name;
            assert!(names.insert(name), "{name} is declared twice");
            assert!(name.starts_with("innkeeper_"), "{name}");
            assert_eq!(family.kind == Kind::Counter, name.ends_with("_total"), "{name}: counters end in _total");
            assert_eq!(family.kind == Kind::Histogram, !family.buckets.is_empty(), "{name}: histograms have buckets");
            assert!(family.buckets.is_sorted(), "{name}: buckets rise");
            let help = family.help.trim();
            assert!(help.len() > 20 && help.len() < 240 && !help.contains('|'), "{name}: {help}");
            for unit in ["_ms", "_millis", "_micros", "_nanos", "_mb", "_percent"] {
                assert!(!name.contains(unit), "{name}: base units only");
            }
            if family.labels.iter().any(|label| label.name == "session") {
                assert!(name.starts_with("innkeeper_live_session_"), "{name}: sessions are no label of what lasts");
            }
            assert!(
                family.kind != Kind::Histogram || family.labels.iter().all(|label| label.name != "tenant"),
                "{name}: a histogram for each tenant is too many series"
            );
        }
    }
}
