//! How turns ended, of all there ever were: counted as they end, so that a crash and a restart are counted like all else.

use std::collections::BTreeMap;

use super::{Sources, seconds};
use crate::domain::{EndReason, TenantId};
use crate::metrics::catalogue::{TURNS_ENDED, TURNS_SECONDS};
use crate::metrics::{self, Page};
use crate::store::StoreError;

/// Writes them for every tenant there is, those of which none has ended too: their first one is to be seen as a rise.
pub(super) async fn collect(sources: &Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let totals = sources.store.turns().totals().await?;
    let tenants = sources.store.tenants().list().await?;
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut micros: BTreeMap<String, u64> = BTreeMap::new();
    let begin = |tenant: TenantId| {
        let label = metrics::tenant(tenant);
        (label, || EndReason::ALL.map(|reason| (reason.as_str().to_owned(), 0)).into())
    };
    for tenant in tenants {
        let (label, none) = begin(tenant.id);
        micros.entry(label.clone()).or_default();
        counts.entry(label).or_insert_with(none);
    }
    for total in totals {
        let (label, none) = begin(total.tenant);
        *micros.entry(label.clone()).or_default() += total.duration_micros;
        *counts.entry(label).or_insert_with(none).entry(total.reason).or_default() += total.turns;
    }
    let series = counts
        .iter()
        .flat_map(|(tenant, reasons)| reasons.iter().map(move |(reason, turns)| ([tenant, reason], turns)));
    page.write(TURNS_ENDED, series);
    page.write(TURNS_SECONDS, micros.iter().map(|(tenant, micros)| ([tenant], seconds(*micros))));
    Ok(())
}
