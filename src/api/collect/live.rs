//! The live sessions: how many there are, who waits, and what each of the dearest uses at this moment.

use std::collections::BTreeMap;

use super::Sources;
use crate::metrics::catalogue::{
    LIVE_AGE, LIVE_COST, LIVE_CPU, LIVE_MEMORY, LIVE_MEMORY_LIMIT, LIVE_OMITTED, LIVE_PIDS, QUEUE_LENGTH, QUEUE_OLDEST,
    SESSIONS,
};
use crate::metrics::{self, Page};
use crate::sandbox::Resources;
use crate::session::{LiveSession, Stage};
use crate::store::StoreError;

/// Writes them. A session whose supervisor is done has no series any more.
pub(super) async fn collect(sources: Sources<'_>, page: &mut Page) -> Result<(), StoreError> {
    let costs = sources.store.turns().costs_under_way().await?;
    let Sources { config, now, mut live, queue, .. } = sources;
    page.write(QUEUE_LENGTH, [([""; 0], queue.waiting)]);
    page.write(QUEUE_OLDEST, [([""; 0], queue.oldest.map_or(0.0, |oldest| now.seconds_since(oldest)))]);
    stages(&live, page);

    let cost = |session: &LiveSession| costs.get(&session.session).copied().unwrap_or_default();
    let most = config.metrics.max_live_sessions;
    live.sort_by_key(|session| (std::cmp::Reverse(cost(session)), session.session));
    page.write(LIVE_OMITTED, [([""; 0], live.len().saturating_sub(most))]);
    live.truncate(most);
    let series: Vec<_> =
        live.iter().map(|session| ([metrics::tenant(session.tenant), session.session.to_string()], session)).collect();
    let each = || series.iter().map(|(labels, session)| (labels.each_ref(), *session));
    let used = |of: fn(&Resources) -> Option<u64>| {
        each().filter_map(move |(labels, session)| Some((labels, of(session.resources.as_ref()?)?)))
    };
    page.write(LIVE_COST, each().map(|(labels, session)| (labels, cost(session))));
    page.write(LIVE_AGE, each().map(|(labels, session)| (labels, now.seconds_since(session.since))));
    page.write(LIVE_MEMORY, used(|resources| resources.memory_bytes));
    page.write(LIVE_PIDS, used(|resources| resources.pids));
    let micros = used(|resources| resources.cpu_micros);
    page.write(LIVE_CPU, micros.map(|(labels, micros)| (labels, seconds(micros))));
    let limits = each().filter_map(|(labels, session)| Some((labels, session.memory_limit_bytes?)));
    page.write(LIVE_MEMORY_LIMIT, limits);
    Ok(())
}

/// How many sessions of each tenant are about what. A tenant with any has a series for each stage.
fn stages(live: &[LiveSession], page: &mut Page) {
    let mut counts: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for session in live {
        let none = || Stage::ALL.map(|stage| (stage.as_str(), 0)).into();
        let tenant = counts.entry(metrics::tenant(session.tenant)).or_insert_with(none);
        *tenant.entry(session.stage.as_str()).or_default() += 1;
    }
    let series = counts
        .iter()
        .flat_map(|(tenant, stages)| stages.iter().map(move |(stage, count)| ([tenant.as_str(), stage], count)));
    page.write(SESSIONS, series);
}

/// Exact as text, whatever the number.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
