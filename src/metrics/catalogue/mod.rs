//! The catalogue: every family there is, chapter by chapter, as the way of a turn goes.

mod begin;
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
pub(super) use begin::{begin, begin_tenant};
use declare::declare;

/// A chapter: its title, what it is about, its families.
pub(super) type Chapter = (&'static str, &'static str, &'static [&'static Family]);

/// The chapters.
pub(super) const CHAPTERS: &[Chapter] = &[
    ("Requests", "Calls of tenants and operators, and who was not let in.", requests::ALL),
    ("Sessions and turns", "What is under way, what waits, and how turns ended.", sessions::ALL),
    (
        "Live sessions",
        "Series of single turns of sessions, as long as they live and for five minutes after.",
        live_sessions::ALL,
    ),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::Kind;

    #[test]
    fn buckets_resolve_how_long_turns_take() {
        for family in [TURN_DURATION.0, TURN_TOTAL_DURATION.0] {
            let (first, last) = (family.buckets[0], family.buckets[family.buckets.len() - 1]);
            assert!(first <= 1.0 && last >= 4.0 * 3600.0, "{}: from a second to four hours", family.name);
            // A quantile lies somewhere between two bounds.
            for bounds in family.buckets.windows(2) {
                assert!(bounds[1] / bounds[0] < 1.3, "{}: nothing between {bounds:?}", family.name);
            }
        }
    }

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
