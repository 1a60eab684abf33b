//! Who the tenants are, and how many of their sessions may run.

use super::Sources;
use crate::metrics::catalogue::{SESSIONS_CAPACITY, SESSIONS_QUOTA, TENANT_INFO};
use crate::metrics::{self, Page};
use crate::store::StoreError;

/// Writes the tenants that have series of their own.
pub(super) async fn collect(sources: &Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let tenants = sources.store.tenants().list().await?;
    let known: Vec<_> = tenants
        .iter()
        .map(|tenant| (metrics::tenant(tenant.id), tenant))
        .filter(|(label, _)| label != metrics::OTHER)
        .collect();
    let info = known.iter().map(|(label, tenant)| ([label.as_str(), &tenant.name, tenant.state.as_str()], 1));
    page.write(TENANT_INFO, info);
    let session = &sources.config.session;
    let quota = |own: Option<usize>| own.unwrap_or(session.max_running_per_tenant);
    page.write(SESSIONS_QUOTA, known.iter().map(|(label, tenant)| ([label], quota(tenant.limits.max_running))));
    page.write(SESSIONS_CAPACITY, [([""; 0], session.max_running)]);
    Ok(())
}
