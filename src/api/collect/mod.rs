//! `GET /metrics`: what the process recorded, and what is true at this moment.
//!
//! Each collector asks one part of the server, and writes its families whole or not at all: half of a sum is worse than
//! none. None of them asks the engine, whose answers take seconds.

mod answer;
mod disk;
mod drift;
mod live;
mod money;
mod tenants;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::HashMap;
use std::error::Error;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::Instant;
use tracing::error;

pub use drift::DriftWatch;

use super::ApiState;
use crate::config::Config;
use crate::domain::{TenantId, Timestamp};
use crate::gateway::Prices;
use crate::metrics::catalogue::{COLLECT_DURATION, COLLECT_ERRORS, SERIES};
use crate::metrics::{self, Page};
use crate::session::{LiveSession, QueueStatus};
use crate::store::{EndedTurn, Store};

/// Where it is all read from.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// Every fact.
    pub store: &'a Store,
    /// What model calls cost.
    pub prices: &'a Prices,
    /// All settings.
    pub config: &'a Config,
    /// The present moment.
    pub now: Timestamp,
    /// The live sessions.
    pub live: Vec<LiveSession>,
    /// The turns that ended in the last minutes, as they ended.
    pub ended: Vec<EndedTurn>,
    /// How many microseconds sessions of each tenant have had places.
    pub place_micros: HashMap<TenantId, i64>,
    /// Who waits.
    pub queue: QueueStatus,
    /// How far the agents' claims are from the ledger.
    pub drift: &'a DriftWatch,
}

/// Answers Prometheus.
pub(super) async fn metrics(State(state): State<ApiState>, headers: HeaderMap) -> Response {
    let ApiState { store, prices, config, clock, sessions, drift, .. } = &state;
    // The live sessions first: one that ends meanwhile is then seen twice, and not at all the other way round.
    let (now, live, queue) = (clock.now(), sessions.live(), sessions.queue());
    let (ended, place_micros) = (sessions.ended(now), sessions.place_micros(now));
    let page = text(Sources { store, prices, config, now, live, ended, place_micros, queue, drift }).await;
    answer::answer(page, &headers).await
}

/// All that is told.
pub async fn text(sources: Sources<'_>) -> String {
    let (mut page, mut took) = (Page::new(), Vec::new());
    let mut note = |name: &'static str, began: Instant, failure: Option<&(dyn Error + 'static)>| {
        if let Some(error) = failure {
            COLLECT_ERRORS.one([name]);
            error!(collector = name, error, "a collector of the metrics failed");
        }
        took.push(([name], began.elapsed().as_secs_f64()));
    };
    // The tenants first: who has series of its own is known before anything is counted for it.
    let began = Instant::now();
    note("tenants", began, failure(&tenants::collect(&sources, &mut page).await));
    let began = Instant::now();
    note("ledger", began, failure(&money::ledger(&sources, &mut page).await));
    let began = Instant::now();
    note("budgets", began, failure(&money::budgets(&sources, &mut page).await));
    let began = Instant::now();
    note("turns", began, failure(&turns::collect(&sources, &mut page).await));
    let began = Instant::now();
    note("disk", began, failure(&disk::collect(sources.config, &mut page)));
    let began = Instant::now();
    note("sessions", began, failure(&live::collect(sources, &mut page).await));
    page.write(COLLECT_DURATION, took);
    // Rendering thousands of series takes milliseconds that no request should wait for.
    let recorded = tokio::task::spawn_blocking(metrics::render).await.unwrap_or_default();
    let series = recorded.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    page.write(SERIES, [([""; 0], series + page.series() + 1)]);
    recorded + &page.into_text()
}

fn failure<E: Error + 'static>(outcome: &Result<(), E>) -> Option<&(dyn Error + 'static)> {
    outcome.as_ref().err().map(|error| error as _)
}

/// Microseconds as seconds, exact as text, whatever the number.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
