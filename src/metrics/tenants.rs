//! Which tenants have series of their own: a bounded number, so that no number of tenants floods Prometheus.
//!
//! They are the oldest ones, by the order of their ids, which is that of their creation and never changes: no start, no
//! spending and no order of arrival moves what is counted for a tenant to another series. All beyond share one.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::catalogue;

/// The label of all tenants beyond the bound.
pub const OTHER: &str = "other";

/// Tenants with series of their own, unless the settings say another number.
const DEFAULT_BOUND: usize = 170;

static RANKS: Mutex<Ranks> = Mutex::new(Ranks { known: BTreeSet::new(), bound: DEFAULT_BOUND });

#[derive(Debug)]
struct Ranks {
    /// Every tenant there ever was, as far as this process knows.
    known: BTreeSet<String>,
    bound: usize,
}

/// Lets at most `bound` tenants have series of their own.
pub fn bound_tenants(bound: usize) {
    with(|ranks| ranks.bound = bound);
}

/// Makes tenants known, and begins the counters of those that have series of their own: an increase is seen only from a value
/// that was there before. To be called with all there ever were before anything is counted, and with new ones.
pub fn know_tenants(ids: impl IntoIterator<Item = impl std::fmt::Display>) {
    let new: Vec<_> = with(|ranks| ids.into_iter().filter_map(|id| ranks.know(id.to_string())).collect());
    for id in new {
        catalogue::begin_tenant(&tenant(&id));
    }
}

/// The label of a tenant: its own id, or that of all others.
pub fn tenant(id: impl std::fmt::Display) -> String {
    with(|ranks| ranks.label(id.to_string()))
}

fn with<T>(act: impl FnOnce(&mut Ranks) -> T) -> T {
    act(&mut RANKS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Ranks {
    /// Makes a tenant known. Returns it when it was not.
    fn know(&mut self, id: String) -> Option<String> {
        self.known.insert(id.clone()).then_some(id)
    }

    fn label(&self, id: String) -> String {
        // One that is not known yet stands where it will stand then.
        let is_within = match self.bound.checked_sub(1).map(|last| self.known.iter().nth(last)) {
            None => false,
            Some(None) => true,
            Some(Some(last)) => id <= *last,
        };
        if is_within { id } else { OTHER.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels of five tenants, in the order of their creation, by a process that learns of them in this order.
    fn labels(learns: &[&str]) -> Vec<String> {
        let mut ranks = Ranks { known: BTreeSet::new(), bound: 2 };
        for id in learns {
            ranks.know((*id).to_owned());
        }
        ["a", "b", "c", "d", "e"].map(|id| ranks.label(id.to_owned())).to_vec()
    }

    #[test]
    fn labels_of_tenants_do_not_depend_on_who_comes_first() {
        let expected = ["a", "b", OTHER, OTHER, OTHER];
        for order in [["a", "b", "c", "d", "e"], ["e", "d", "c", "b", "a"], ["c", "e", "a", "d", "b"]] {
            assert_eq!(labels(&order), expected, "{order:?}");
        }
        assert_eq!(labels(&["a", "b"]), expected, "a new tenant beyond the bound");
    }

    #[test]
    fn no_tenant_has_series_of_its_own_when_none_may() {
        assert_eq!(Ranks { known: BTreeSet::new(), bound: 0 }.label("a".to_owned()), OTHER);
    }
}
