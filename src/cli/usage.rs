//! `innkeeper usage`: what tenants spent, for people, for whoever bills it on, and where the agent's own account differs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tempfile::NamedTempFile;

use super::data::open_store;
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::export::{ExportAsk, ExportFormat, ExportPages, tenant_named};
use crate::config::Config;
use crate::domain::{Clock, Day, Period, SystemClock, Timestamp, Usage, Usd};
use crate::store::{Store, TenantSpending};

/// Show what tenants spent this month, and export it for chargeback
///
/// Alone it shows the calls, tokens and cost of each tenant since the first of this month in UTC, the dearest first.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct UsageCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Export what tenants spent by day, session, model and key
    ///
    /// Writes a row for each tenant, day in UTC, session, model, key and price table, and one for each correction an operator
    /// made. A call counts on the day it was made, a correction on the day it was made: rows with `final` never change.
    #[command(after_help = "Examples:\n  \
        innkeeper usage export --from 2026-10-01 --to 2026-11-01 --output october.csv\n  \
        innkeeper usage export --tenant acme --format focus | gzip > acme.jsonl.gz")]
    Export {
        /// One tenant alone, by its name or id; an archived one too
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// The first day in UTC, such as 2026-11-01 [default: the first of this month]
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// The day after the last one [default: tomorrow]
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// CSV, or JSON lines with the columns of FOCUS 1.2
        #[arg(long, value_parser = ExportFormat::NAMES, default_value = "csv")]
        format: String,
        /// A file to write, which is there when it is whole [default: the standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show how far what the agent claims its calls cost is from the ledger, and in which turns
    ///
    /// Only turns that ended with a claim and whose calls were all metered to the end are compared. A difference means that
    /// the price table or the metering is wrong, or that the agent's own prices are old.
    Drift {
        /// Turns that ended in the last so many hours
        #[arg(long, value_name = "N", default_value = "24")]
        hours: u32,
        /// How many of the turns that differ
        #[arg(long, value_name = "N", default_value = "20")]
        limit: u32,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

impl UsageCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or told.
    pub(super) async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        let now = SystemClock.now();
        match self.action {
            None => show_month(&store, now, self.json).await,
            Some(Action::Export { tenant, from, to, format, output }) => {
                let tenant = match tenant {
                    Some(name) => Some(tenant_named(&store, &name).await?),
                    None => None,
                };
                let ask = ExportAsk { from, to, format: Some(format) };
                let pages = ExportPages::begin(&store, &ask.plan(tenant, now)?, true, now).await?;
                match output {
                    Some(path) => write_file(pages, &path).await,
                    None => write_out(pages).await,
                }
            }
            Some(Action::Drift { hours, limit, json }) => {
                let since = now.minus_seconds(i64::from(hours) * 3_600);
                show_drift(&store, since, limit, json).await
            }
        }
    }
}

async fn show_month(store: &Store, now: Timestamp, as_json: bool) -> CommandResult {
    let from = Period::Month.starts_at(now);
    let sums = store.ledger().by_tenant(from, now).await?;
    if as_json {
        let data: Vec<_> = sums.iter().map(as_value).collect();
        return show_json(&json!({ "from": from, "to": now, "data": data }));
    }
    if sums.is_empty() {
        return note("No tenant has called a model this month.");
    }
    let mut rows =
        vec![["TENANT", "CALLS", "INPUT", "CACHE WRITES", "CACHE READS", "OUTPUT", "COST $"].map(str::to_owned)];
    let (mut calls, mut usage, mut cost) = (0, Usage::default(), Usd::ZERO);
    for TenantSpending { spending, .. } in &sums {
        rows.push(row(&spending.group, spending.calls, &spending.usage, spending.cost));
        calls += spending.calls;
        usage += spending.usage;
        cost += spending.cost;
    }
    rows.push(row("(all)", calls, &usage, cost));
    show(&table(&rows))?;
    note(&format!("\nSince {} in UTC. Tokens; each is counted in one column.", Day::of(from)))
}

fn row(name: &str, calls: u64, usage: &Usage, cost: Usd) -> [String; 7] {
    [
        name.to_owned(),
        calls.to_string(),
        usage.input_tokens.to_string(),
        (usage.cache_write_5m_tokens + usage.cache_write_1h_tokens).to_string(),
        usage.cache_read_tokens.to_string(),
        usage.output_tokens.to_string(),
        cost.to_string(),
    ]
}

fn as_value(TenantSpending { tenant, spending }: &TenantSpending) -> serde_json::Value {
    json!({
        "tenant_id": tenant.to_string(), "tenant": spending.group, "calls": spending.calls,
        "estimated_calls": spending.estimated, "usage": spending.usage, "cost_usd": spending.cost,
    })
}

/// Writes an export to a file that takes its name only when it is whole.
async fn write_file(mut pages: ExportPages, path: &Path) -> CommandResult {
    let failed = |error: &dyn std::fmt::Display| format!("`{}` cannot be written: {error}", path.display());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory).map_err(|error| failed(&error))?;
    while let Some(page) = pages.next().await? {
        file.write_all(&page).map_err(|error| failed(&error))?;
    }
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    note(&format!("Written to {}.", path.display()))
}

/// Writes an export to the standard output, for as long as somebody reads it.
async fn write_out(mut pages: ExportPages) -> CommandResult {
    while let Some(page) = pages.next().await? {
        match io::stdout().lock().write_all(&page) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(io::stdout().lock().flush()?)
}

async fn show_drift(store: &Store, since: Timestamp, limit: u32, as_json: bool) -> CommandResult {
    let ledger = store.ledger();
    let (drift, turns) = (ledger.drift(since).await?, ledger.drifting(since, limit).await?);
    if as_json {
        let turns: Vec<_> = turns
            .iter()
            .map(|turn| {
                json!({
                    "turn_id": turn.turn.to_string(), "session_id": turn.session.to_string(),
                    "tenant_id": turn.tenant.to_string(), "ended_at": turn.ended_at, "claimed_usd": turn.claimed,
                    "ledger_usd": turn.ledger,
                })
            })
            .collect();
        return show_json(&json!({
            "since": since, "turns": drift.turns, "claimed_usd": drift.claimed, "ledger_usd": drift.ledger,
            "ratio": drift.ratio(), "differing": turns,
        }));
    }
    let Some(ratio) = drift.ratio() else { return note("No turn that ended since then can be compared.") };
    let (compared, claimed, counted) = (drift.turns, drift.claimed, drift.ledger);
    show(&format!("{compared} turns: the agent claims ${claimed}, the ledger has ${counted} ({}).", percent(ratio)))?;
    if turns.is_empty() {
        return Ok(());
    }
    let mut rows = vec![["TENANT", "SESSION", "ENDED", "CLAIMED $", "LEDGER $", "DRIFT"].map(str::to_owned)];
    for turn in turns {
        let tenant = store.tenants().find(turn.tenant).await?;
        rows.push([
            tenant.map_or_else(|| turn.tenant.to_string(), |tenant| tenant.name),
            turn.session.to_string(),
            turn.ended_at.to_string().chars().take(19).collect::<String>().replace('T', " "),
            turn.claimed.to_string(),
            turn.ledger.to_string(),
            turn.ratio().map(percent).unwrap_or_default(),
        ]);
    }
    show(&format!("\n{}", table(&rows)))?;
    note("\nThe calls of a session: innkeeper calls list --session ID")
}

fn percent(ratio: f64) -> String {
    if ratio == 0.0 { "0%".to_owned() } else { format!("{:+.2}%", ratio * 100.0) }
}
