//! `GET /metrics`: what the process recorded, and what is true at this moment.
//!
//! Each collector asks one part of the server, and writes its families whole or not at all: half of a sum is worse than
//! none. None of them asks the engine, whose answers take seconds.

mod drift;
mod live;
mod money;
mod tenants;
#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use tokio::time::Instant;
use tracing::error;

pub use drift::DriftWatch;

use super::ApiState;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::gateway::Prices;
use crate::metrics::catalogue::{COLLECT_DURATION, COLLECT_ERRORS, SERIES};
use crate::metrics::{self, Page};
use crate::session::{LiveSession, QueueStatus};
use crate::store::{Store, StoreError};

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
    /// Who waits.
    pub queue: QueueStatus,
    /// How far the agents' claims are from the ledger.
    pub drift: &'a DriftWatch,
}

/// Answers Prometheus.
pub(super) async fn metrics(State(state): State<ApiState>) -> impl IntoResponse {
    let ApiState { store, prices, config, clock, sessions, drift, .. } = &state;
    let (now, live, queue) = (clock.now(), sessions.live(), sessions.queue());
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers, text(Sources { store, prices, config, now, live, queue, drift }).await)
}

/// All that is told.
pub async fn text(sources: Sources<'_>) -> String {
    let (mut page, mut took) = (Page::new(), Vec::new());
    let mut note = |name: &'static str, began: Instant, outcome: Result<(), StoreError>| {
        if let Err(error) = outcome {
            COLLECT_ERRORS.one([name]);
            error!(collector = name, error = &error as &dyn std::error::Error, "a collector of the metrics failed");
        }
        took.push(([name], began.elapsed().as_secs_f64()));
    };
    // The ledger first: the dearest tenants are those that get series of their own.
    let began = Instant::now();
    note("ledger", began, money::ledger(&sources, &mut page).await);
    let began = Instant::now();
    note("budgets", began, money::budgets(&sources, &mut page).await);
    let began = Instant::now();
    note("tenants", began, tenants::collect(&sources, &mut page).await);
    let began = Instant::now();
    note("sessions", began, live::collect(sources, &mut page).await);
    page.write(COLLECT_DURATION, took);
    // Rendering thousands of series takes milliseconds that no request should wait for.
    let recorded = tokio::task::spawn_blocking(metrics::render).await.unwrap_or_default();
    let series = recorded.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    page.write(SERIES, [([""; 0], series + page.series() + 1)]);
    recorded + &page.into_text()
}
