//! `innkeeper cleanup`: what ended goes for good, and what nobody owns.

use clap::Args;

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use crate::admin::{CleanupAsk, CleanupReport, Remover, clean_up};
use crate::config::Config;

/// Remove sessions that ended, with all they hold, and what nobody owns; what was spent stays in the ledger
#[derive(Debug, Args)]
pub(super) struct CleanupCommand {
    /// Sessions whose last turn ended at least so many hours ago; 0 for all that ended
    #[arg(long, value_name = "N")]
    min_ended_hours: u32,
    /// Those of one tenant, by its name or its id
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Those with this status: completed, error or cancelled
    #[arg(long)]
    status: Option<String>,
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl CleanupCommand {
    /// Does it, on the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or shown.
    pub(super) async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        let Self { min_ended_hours, tenant, status, dry_run, json } = self;
        let ask = CleanupAsk { tenant, status, min_ended_hours, dry_run };
        let remover = Remover { store: &store, config, registry: None };
        let report = clean_up(remover, &ask, &by()).await?;
        store.close().await;
        if json { show_json(&report) } else { show_report(&report) }
    }
}

fn show_report(report: &CleanupReport) -> CommandResult {
    let head = [if report.dry_run { "WOULD GO" } else { "REMOVED" }, "COUNT", "BYTES"].map(str::to_owned);
    let row = |what: &str, count: u64, bytes: Option<u64>| {
        [what.to_owned(), count.to_string(), bytes.map(|bytes| bytes.to_string()).unwrap_or_default()]
    };
    show(&table(&[
        head,
        row("sessions", report.sessions, Some(report.session_bytes)),
        row("quarantined files", report.files, Some(report.file_bytes)),
        row("budgets of sessions", report.budgets, None),
        row("paths nobody owns", report.orphaned_paths, Some(report.orphaned_bytes)),
    ]))?;
    if report.skipped > 0 {
        note(&format!(
            "{} sessions were left alone: they are at work again, or their sandbox has not ended.",
            report.skipped
        ))?;
    }
    if report.dry_run {
        return note(&format!("Nothing was removed. The database has {} bytes.", report.database_bytes_before));
    }
    let log =
        if report.log_is_cut { "" } else { " Its log could not be cut while others read; the server does so later." };
    let (before, after) = (report.database_bytes_before, report.database_bytes_after);
    note(&format!("The database had {before} bytes and has {after}.{log}"))
}
