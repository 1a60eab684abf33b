//! Reports: reads that may go through much of the ledger. They have connections of their own, and few of them run at the same
//! time, so that no number of them takes the other readers' connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::StoreError;
use crate::domain::TenantId;

/// Reports that are read at the same time; as many connections are kept for them.
pub(super) const RUNNING: u32 = 2;

/// Reports of one tenant that run or wait. A further one is refused at once.
const PER_TENANT: usize = 4;

/// How long a report waits for others to end.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Who reads a report now. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Reports(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    running: Semaphore,
    /// How many reports of each tenant run or wait.
    tenants: Mutex<HashMap<TenantId, usize>>,
}

/// A place to read a report in. It is given back when it is dropped.
#[derive(Debug)]
pub struct ReportPlace<'a> {
    _running: SemaphorePermit<'a>,
    _counted: Counted<'a>,
}

/// A report that is counted for its tenant.
#[derive(Debug)]
struct Counted<'a> {
    reports: &'a Inner,
    tenant: Option<TenantId>,
}

impl Reports {
    pub(super) fn new() -> Self {
        let (running, tenants) = (Semaphore::new(RUNNING as usize), Mutex::default());
        Self(Arc::new(Inner { running, tenants }))
    }

    /// Waits for a place for a report of a tenant, or of the operators.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the tenant has too many reports already, or too many reports run for too long.
    pub async fn enter(&self, tenant: Option<TenantId>) -> Result<ReportPlace<'_>, StoreError> {
        let counted = self.0.count(tenant)?;
        match timeout(MAX_WAIT, self.0.running.acquire()).await {
            Ok(Ok(running)) => Ok(ReportPlace { _running: running, _counted: counted }),
            Ok(Err(_)) | Err(_) => Err(StoreError::Busy),
        }
    }
}

impl Inner {
    fn count(&self, tenant: Option<TenantId>) -> Result<Counted<'_>, StoreError> {
        if let Some(tenant) = tenant {
            let mut tenants = self.tenants();
            let reports = tenants.entry(tenant).or_default();
            if *reports >= PER_TENANT {
                return Err(StoreError::Busy);
            }
            *reports += 1;
        }
        Ok(Counted { reports: self, tenant })
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let Some(tenant) = self.tenant else { return };
        let mut tenants = self.reports.tenants();
        if let Some(reports) = tenants.get_mut(&tenant) {
            *reports -= 1;
            if *reports == 0 {
                tenants.remove(&tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reports_of_one_tenant_leave_places_for_others() {
        let (reports, greedy, other) = (Reports::new(), TenantId::generate(), TenantId::generate());
        let first = reports.enter(Some(greedy)).await.unwrap();
        let second = reports.enter(Some(greedy)).await.unwrap();
        let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(reports.enter(Some(greedy)))).collect();
        for report in &mut waiting {
            assert!(report.now_or_never().is_none(), "more run than may");
        }
        for _ in 0..100 {
            assert!(matches!(reports.enter(Some(greedy)).now_or_never(), Some(Err(StoreError::Busy))));
        }
        let mut honest = Box::pin(reports.enter(Some(other)));
        assert!((&mut honest).now_or_never().is_none());
        drop((waiting, first));
        assert!(honest.await.is_ok(), "reports of another tenant were in the way");
        drop(second);
        assert!(reports.0.tenants().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_is_not_waited_for_without_end() {
        let reports = Reports::new();
        let running = (reports.enter(None).await.unwrap(), reports.enter(None).await.unwrap());
        assert!(matches!(reports.enter(None).await, Err(StoreError::Busy)));
        drop(running);
        assert!(reports.enter(None).await.is_ok());
    }
}
