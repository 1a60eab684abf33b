//! How many tenants have series of their own: a bounded number, so that no number of tenants floods Prometheus.
//!
//! Whoever comes first keeps its place until the process ends, because a counter must not change what it counts; all
//! beyond share one series.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The label of all tenants beyond the bound.
pub const OTHER: &str = "other";

/// Tenants with series of their own, unless the settings say another number.
const DEFAULT_BOUND: usize = 300;

static LABELS: Mutex<Option<Labels>> = Mutex::new(None);

#[derive(Debug)]
struct Labels {
    known: HashSet<String>,
    bound: usize,
}

/// Lets at most `bound` tenants have series of their own.
pub fn bound_tenants(bound: usize) {
    with(|labels| labels.bound = bound);
}

/// The label of a tenant: its own id, or that of all others.
pub fn tenant(id: impl std::fmt::Display) -> String {
    with(|labels| labels.of(id.to_string()))
}

fn with<T>(act: impl FnOnce(&mut Labels) -> T) -> T {
    let mut labels = LABELS.lock().unwrap_or_else(PoisonError::into_inner);
    act(labels.get_or_insert_with(|| Labels { known: HashSet::new(), bound: DEFAULT_BOUND }))
}

impl Labels {
    fn of(&mut self, id: String) -> String {
        if self.known.contains(&id) {
            return id;
        }
        if self.known.len() >= self.bound {
            return OTHER.to_owned();
        }
        self.known.insert(id.clone());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_first_keeps_its_label_and_the_rest_share_one() {
        let mut labels = Labels { known: HashSet::new(), bound: 2 };
        let mut of = |id: &str| labels.of(id.to_owned());
        assert_eq!((of("a"), of("b"), of("c")), ("a".to_owned(), "b".to_owned(), OTHER.to_owned()));
        assert_eq!((of("a"), of("d"), of("b")), ("a".to_owned(), OTHER.to_owned(), "b".to_owned()));
    }
}
