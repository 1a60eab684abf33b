//! The drill of a server that has just started: in the background, told in the log and the metrics.

use std::time::Duration;

use tracing::{error, info, warn};

use super::report::record;
use super::{Drill, DrillError, Finding, Report, all};
use crate::config::Config;
use crate::spawner::Spawner;
use crate::telemetry::Trouble;

/// How long until a drill that is not over is asked for again.
const LEARN_AGAIN: Duration = Duration::from_secs(5);

/// Runs every probe once `drill` is made, records what came of it, and says aloud what did not hold. Answers the report, unless
/// there is none or it was cut short.
pub async fn at_start(drill: impl Future<Output = Result<Drill, DrillError>>, config: &Config) -> Option<Report> {
    let drill = match drill.await {
        Ok(drill) => drill,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            error!(error, "NO DRILL COULD BE HELD, so that it is not known whether sandboxes of this machine hold");
            return None;
        }
    };
    info!(probes = all().len(), "the drill begins: known attacks against sandboxes of this machine");
    let tell = |finding: &Finding| {
        // What a stop cut short says nothing.
        if !drill.is_stopped() {
            warn_if_broken(finding);
        }
    };
    let report = drill.run(&all(), tell).await;
    if drill.is_stopped() {
        return None;
    }
    report.record();
    let kept = report.keep(&config.drill_reports_dir(), config.drill.keep_reports);
    let kept = kept.inspect_err(|error| error!(%error, "the drill's report could not be kept"));
    let path = kept.map(|path| path.display().to_string()).unwrap_or_default();
    let (held, not_held, seconds) = (report.held, report.not_held, report.duration_ms / 1000);
    if report.all_held() {
        info!(held, seconds, report = path, "the drill is over: every probe held");
    } else {
        error!(
            held,
            not_held,
            seconds,
            report = path,
            "THE DRILL IS OVER AND SANDBOXES OF THIS MACHINE DO NOT HOLD: let no tenant work here before each probe \
             above is understood (SECURITY.md has a line for each)"
        );
    }
    Some(report)
}

/// Waits for what the drill of the spawner's process found, and records it here, where the metrics are read.
pub async fn learn(spawner: &dyn Spawner) {
    let trouble = Trouble::default();
    loop {
        match spawner.last_drill().await {
            Ok(Some(report)) => return record(&report),
            Err(error) if trouble.begins() => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the spawner's drill cannot be asked for; trying again"
                );
            }
            Ok(None) | Err(_) => {}
        }
        tokio::time::sleep(LEARN_AGAIN).await;
    }
}

fn warn_if_broken(finding: &Finding) {
    if let Some(seen) = finding.outcome.seen() {
        error!(
            probe = finding.probe,
            outcome = finding.outcome.word(),
            seen,
            attack = finding.attack,
            guard = finding.guard,
            "a probe of the drill did not hold; run it again with `innkeeper drill --only {}`",
            finding.probe
        );
    }
}
