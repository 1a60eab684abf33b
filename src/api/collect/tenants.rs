//! Who the tenants are, and how many of their sessions may run.

use super::Sources;
use crate::domain::TenantState;
use crate::metrics::catalogue::{SESSIONS_CAPACITY, SESSIONS_QUOTA, TENANT_INFO};
use crate::metrics::{self, OTHER, Page};
use crate::store::StoreError;

/// Writes the tenants that have series of their own, and a name for all others together and for what bounds all tenants: what is
/// joined for the names would leave out whatever has none.
pub(super) async fn collect(sources: &Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let tenants = sources.store.tenants().list_ever().await?;
    metrics::know_tenants(tenants.iter().map(|tenant| tenant.id));
    let known: Vec<_> =
        tenants.iter().map(|tenant| (metrics::tenant(tenant.id), tenant)).filter(|(label, _)| label != OTHER).collect();
    let info = known.iter().map(|(label, tenant)| [label.as_str(), &tenant.name, tenant.state.as_str()]);
    let active = TenantState::Active.as_str();
    let nobody = [[OTHER, "all others", active], ["", "all tenants", active]];
    page.write(TENANT_INFO, info.chain(nobody).map(|labels| (labels, 1)));
    let session = &sources.config.session;
    let quota = |own: Option<usize>| own.unwrap_or(session.max_running_per_tenant);
    let quotas = known.iter().filter(|(_, tenant)| tenant.state != TenantState::Archived);
    page.write(SESSIONS_QUOTA, quotas.map(|(label, tenant)| ([label], quota(tenant.limits.max_running))));
    page.write(SESSIONS_CAPACITY, [([""; 0], session.max_running)]);
    Ok(())
}
