//! Places for answers that are read on although their caller has left. No tenant can take all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::TenantId;
use crate::metrics::Raised;
use crate::metrics::catalogue::GATEWAY_DRAINS;

/// Answers without a caller that are read at the same time, of all tenants and of one.
const MAX_DRAINS: usize = 256;
const MAX_DRAINS_PER_TENANT: usize = MAX_DRAINS / 4;

/// The places. Cheap to clone; all clones are the same places.
#[derive(Clone, Debug, Default)]
pub(super) struct Drains(Arc<Mutex<HashMap<TenantId, usize>>>);

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct DrainPlace {
    drains: Drains,
    tenant: TenantId,
    _counted: Raised,
}

impl Drains {
    /// Takes a place; `None` when all are taken, or all that `tenant` may take.
    pub(super) fn take(&self, tenant: TenantId) -> Option<DrainPlace> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.entry(tenant).or_default();
        if all >= MAX_DRAINS || *own >= MAX_DRAINS_PER_TENANT {
            return None;
        }
        *own += 1;
        Some(DrainPlace { drains: self.clone(), tenant, _counted: GATEWAY_DRAINS.raised([]) })
    }
}

impl Drop for DrainPlace {
    fn drop(&mut self) {
        let mut taken = self.drains.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(drains: &Drains, tenant: TenantId) -> Vec<DrainPlace> {
        std::iter::from_fn(|| drains.take(tenant)).collect()
    }

    #[test]
    fn no_tenant_takes_all_places() {
        let drains = Drains::default();
        let tenants: Vec<_> = (0..5).map(|_| TenantId::generate()).collect();
        let mut taken: Vec<_> = tenants[..3].iter().map(|tenant| take_all(&drains, *tenant)).collect();
        assert!(taken.iter().all(|places| places.len() == MAX_DRAINS_PER_TENANT));
        assert!(drains.take(tenants[0]).is_none());
        taken.push(take_all(&drains, tenants[3]));
        assert!(drains.take(tenants[4]).is_none(), "there are only so many places");
        taken[0].pop();
        let other = drains.take(tenants[4]);
        assert!(other.is_some(), "a place that is given back can be taken");
        taken.clear();
        drop(other);
        assert!(drains.0.lock().unwrap().is_empty(), "tenants without a place are kept");
    }
}
