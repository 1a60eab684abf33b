//! The process itself, and what watches it.

use super::declare;

/// From a millisecond to five seconds.
const LAGS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

declare! {
    /// Which innkeeper this is: always 1.
    BUILD_INFO: Gauge(Recorded Gauge) = "innkeeper_build_info", [VERSION];
    /// Seconds a timer of the runtime came too late: what every task waits beside its own work.
    RUNTIME_LAG: Histogram(Recorded Histogram) = "innkeeper_runtime_lag_seconds", [], LAGS;
    /// Lines of the log that are warnings or errors.
    LOG_MESSAGES: Counter(Recorded Counter) = "innkeeper_log_messages_total", [LEVEL];
    /// Things that are set and cannot work; `/readyz` says which.
    FINDINGS: Gauge(Recorded Gauge) = "innkeeper_findings", [FINDING];
    /// Free bytes of the filesystem that holds the data directory, as far as this server may use them.
    DISK_FREE: Collected(Collected Gauge) = "innkeeper_disk_free_bytes", [];
    /// Bytes of the filesystem that holds the data directory.
    DISK_SIZE: Collected(Collected Gauge) = "innkeeper_disk_size_bytes", [];
    /// Bytes of the database, its write-ahead log included.
    DATABASE_SIZE: Collected(Collected Gauge) = "innkeeper_database_size_bytes", [];
    /// Seconds a collector took at this scrape.
    COLLECT_DURATION: Collected(Collected Gauge) = "innkeeper_collect_duration_seconds", [COLLECTOR];
    /// Times a collector failed; its families were left out of the scrape.
    COLLECT_ERRORS: Counter(Recorded Counter) = "innkeeper_collect_errors_total", [COLLECTOR];
    /// Series this scrape has.
    SERIES: Collected(Collected Gauge) = "innkeeper_exported_series", [];
}
