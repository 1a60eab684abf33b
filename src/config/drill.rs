//! `[drill]`: the known attacks that show whether sandboxes hold.

use std::path::PathBuf;

use serde::Deserialize;

/// When a drill is held, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillConfig {
    /// Whether the server holds one when it has started.
    pub at_start: bool,
    /// How many attacks are made at the same time.
    pub parallel: usize,
    /// The first of the hundred users the tenants made up for it belong to.
    pub uid: u32,
    /// Where reports are kept; empty for `drills` below `data_dir`.
    pub reports_dir: PathBuf,
    /// How many reports are kept.
    pub keep_reports: usize,
}
