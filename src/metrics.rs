//! What operators' monitoring sees: one recorder for the process, rendered as Prometheus text.
//!
//! A family is named in full, unit and all, at the one place that records it, and described here.

use std::sync::OnceLock;

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to record. To be called once, before anything is recorded.
///
/// # Errors
/// When something records already.
pub fn install() -> Result<(), BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    let _ = HANDLE.set(handle);
    describe_gauge!("innkeeper_drill_probe_passed", "Whether the last drill's probe held (1) or not (0)");
    describe_gauge!("innkeeper_drill_last_run_timestamp_seconds", "When the last drill began");
    describe_counter!("innkeeper_egress_requests_total", "Hosts that sandboxes asked for, by decision");
    describe_counter!("innkeeper_egress_bytes_total", "Bytes that went through granted egress, by direction");
    Ok(())
}

/// Everything recorded so far, as Prometheus reads it; empty when nothing records.
pub fn render() -> String {
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Makes room for what histograms gather between two scrapes. To be called every few seconds.
pub fn keep_up() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}
