//! What operators' monitoring sees: every family is declared once, in the catalogue, and recorded or collected by its
//! declaration.
//!
//! *Recorded* families are counted where things happen, by the process's one recorder. *Collected* ones are read from what is
//! true when somebody looks: the ledger, the budgets, the live sessions. So they survive a restart, and a series is there
//! exactly as long as what it tells of.

pub mod catalogue;
mod document;
mod family;
mod page;
mod tenants;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

pub use document::document;
pub use family::{Collected, Counter, Family, Gauge, Histogram, Kind, Label, Raised, Source};
pub use page::Page;
pub use tenants::{OTHER, bound_tenants, know_tenants, tenant};

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to record. To be called once, before anything is recorded.
///
/// # Errors
/// When something records already.
pub fn install() -> Result<(), BuildError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    ::metrics::set_global_recorder(recorder)?;
    let _ = HANDLE.set(handle);
    catalogue::families().filter(|family| family.source == Source::Recorded).for_each(Family::describe);
    metrics_process::Collector::default().describe();
    catalogue::begin();
    Ok(())
}

/// What records every family of the catalogue.
pub(crate) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for family in catalogue::families().filter(|family| family.kind == Kind::Histogram) {
        // A histogram without buckets would be rendered as a summary, which cannot be added up.
        builder = builder.set_buckets_for_metric(Matcher::Full(family.name.to_owned()), family.buckets)?;
    }
    Ok(builder.build_recorder())
}

/// Everything recorded so far, as Prometheus reads it; empty when nothing records.
pub fn render() -> String {
    metrics_process::Collector::default().collect();
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Makes room for what histograms gather between two scrapes. To be called every few seconds.
pub fn keep_up() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}
