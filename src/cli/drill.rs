//! `innkeeper drill`: attacks sandboxes of this machine, and shows which walls held.

use std::path::PathBuf;
use std::sync::Arc;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use clap::Args;

use super::data::open_store;
use super::output::{CommandResult, note, show, show_json, table};
use super::spawner::{beside_spawner, is_split};
use crate::app::embedded;
use crate::config::Config;
use crate::domain::SystemClock;
use crate::drill::{Drill, Finding, Outcome, Report, all, choose};
use crate::lifecycle::Tasks;
use crate::spawner::Local;
use crate::telemetry;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// Attack sandboxes of this machine as the settings order them, and show which walls held
#[derive(Debug, Args)]
pub(super) struct DrillCommand {
    /// These probes alone
    #[arg(long, value_name = "PROBE", num_args = 1..)]
    only: Vec<String>,
    /// The probes of these classes alone
    #[arg(long, value_name = "CLASS", num_args = 1..)]
    class: Vec<String>,
    /// Answer in JSON: the report
    #[arg(long)]
    json: bool,
    /// Write the report to this file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// List the probes, and attack nothing
    #[arg(long)]
    list: bool,
}

impl DrillCommand {
    /// Holds the drill. The server may be running meanwhile.
    ///
    /// # Errors
    /// When a probe did not hold, or no drill could be held.
    pub(super) async fn run(self, mut config: Config) -> CommandResult {
        let probes = choose(&self.only, &self.class)?;
        if self.list {
            return list();
        }
        // What is wrong with a sandbox is what the drill tells, in its own words.
        "error".clone_into(&mut config.log.filter);
        telemetry::init_logs(&config.log)?;
        let (config, local) = held_here(config).await?;
        let tasks = Tasks::new();
        let drill = Drill::new(Arc::new(local), &config, Arc::new(SystemClock), tasks.clone()).await?;
        stop_when_interrupted(&tasks);
        let json = self.json;
        let report = drill
            .run(&probes, |finding| {
                if !json {
                    tell(finding);
                }
            })
            .await;
        drop(drill);
        tasks.stop().await;

        report.record();
        let kept = report.keep(&config.drill_reports_dir(), config.drill.keep_reports)?;
        if let Some(path) = &self.report {
            report
                .write(path)
                .map_err(|error| format!("the report cannot be written to `{}`: {error}", path.display()))?;
        }
        if json {
            show_json(&report)?;
        } else {
            close(&report);
            note(&format!("report: {}", kept.display()))?;
        }
        if report.all_held() { Ok(()) } else { Err("not every probe held; SECURITY.md says what each means".into()) }
    }
}

/// The settings of a drill on this machine, and what makes its sandboxes: beside the spawner where that holds the engine.
async fn held_here(mut config: Config) -> Result<(Config, Local), Box<dyn std::error::Error + Send + Sync>> {
    if is_split(&config) {
        return beside_spawner(config).await;
    }
    let store = open_store(&config).await?;
    config.data_dir = config.data_dir.canonicalize()?;
    let installation = store.installation().await?;
    store.close().await;
    let local = embedded(&Arc::new(config.clone()), &installation).await?;
    Ok((config, local))
}

/// Ends the drill with the attack that is under way, whose sandbox is removed.
fn stop_when_interrupted(tasks: &Tasks) {
    let interrupted = tasks.clone();
    tasks.spawn("interrupt", async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => interrupted.stopping().cancel(),
            () = interrupted.stopping().cancelled() => {}
        }
    });
}

fn list() -> CommandResult {
    let rows = all().into_iter().map(|probe| [probe.id, probe.class.as_str(), probe.attack].map(str::to_owned));
    let heading = ["PROBE", "CLASS", "WHAT IT TRIES"].map(str::to_owned);
    show(&table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))
}

/// A line of the table, as its probe ends.
fn tell(finding: &Finding) {
    let (style, word) = match finding.outcome {
        Outcome::Held => (GOOD, "held"),
        Outcome::Broke(_) => (BAD, "BROKE"),
        Outcome::Unclear(_) => (BAD, "UNCLEAR"),
    };
    let (class, probe, attack) = (finding.class.as_str(), finding.probe, finding.attack);
    let seconds = format!("{}.{} s", finding.duration_ms / 1000, finding.duration_ms % 1000 / 100);
    println!("{style}{word:7}{style:#}  {probe:20}  {class:10}  {QUIET}{seconds:>6}{QUIET:#}  {attack}");
    if let Some(seen) = finding.outcome.seen() {
        println!("         {BAD}{seen}{BAD:#}");
        println!("         {QUIET}what should hold it: {}{QUIET:#}", finding.guard);
    }
}

/// The last line.
fn close(report: &Report) {
    let seconds = report.duration_ms / 1000;
    let (held, all) = (report.held, report.probes.len());
    let style = if report.all_held() { GOOD } else { BAD };
    println!("{style}{held} of {all} probes held{style:#} in {seconds} s on {}", report.engine);
    if !report.as_root {
        eprintln!("{QUIET}not as root: some attacks could not be prepared and were made with less{QUIET:#}");
    }
}
