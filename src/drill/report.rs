//! What a drill found: kept as dated files, recorded in the metrics.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use tracing::{error, info};

use super::all;
use super::outcome::Outcome;
use super::probe::{Class, Probe};
use crate::domain::Timestamp;
use crate::metrics::catalogue::{DRILL_LAST_RUN, DRILL_PROBE};

/// What a drill found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When it began.
    pub at: Timestamp,
    /// The version of innkeeper.
    pub innkeeper: &'static str,
    /// What makes the sandboxes, with its versions.
    pub engine: String,
    /// The image the sandboxes are made of.
    pub image: String,
    /// Whether it ran as root. As an ordinary user some attacks cannot be prepared and are made with less.
    pub as_root: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// How many probes held.
    pub held: usize,
    /// How many did not.
    pub not_held: usize,
    /// What came of each.
    pub probes: Vec<Finding>,
}

/// What came of one probe.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The probe.
    pub probe: &'static str,
    /// Its class.
    pub class: Class,
    /// What it tried.
    pub attack: &'static str,
    /// What should have held it.
    pub guard: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: u64,
}

/// Sets the gauges of the metrics by a report of another process.
pub(super) fn record(report: &Value) {
    for finding in report["probes"].as_array().into_iter().flatten() {
        if let Some(probe) = all().into_iter().find(|probe| finding["probe"] == probe.id) {
            let held = if finding["outcome"] == "held" { 1.0 } else { 0.0 };
            DRILL_PROBE.set([probe.id], held);
        }
    }
    let at = report["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    DRILL_LAST_RUN.set([], at.map_or(0.0, |at| at.as_duration().as_secs_f64()));
    let not_held = report["not_held"].as_u64().unwrap_or(u64::MAX);
    if not_held == 0 {
        info!("the spawner's drill is over: every probe held");
    } else {
        error!(
            not_held,
            "THE SPAWNER'S DRILL FOUND THAT SANDBOXES OF THIS MACHINE DO NOT HOLD: its own log says which"
        );
    }
}

impl Finding {
    /// What came of `probe`.
    pub(super) fn new(probe: &Probe, outcome: Outcome, duration_ms: u64) -> Self {
        let &Probe { id, class, attack, guard, .. } = probe;
        Self { probe: id, class, attack, guard, outcome, duration_ms }
    }
}

impl Report {
    /// Whether every probe held.
    pub fn all_held(&self) -> bool {
        self.not_held == 0
    }

    /// Sets the gauges of the metrics.
    pub fn record(&self) {
        for finding in &self.probes {
            let held = if finding.outcome.held() { 1.0 } else { 0.0 };
            DRILL_PROBE.set([finding.probe], held);
        }
        DRILL_LAST_RUN.set([], self.at.as_seconds());
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        write(OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?, self)
    }

    /// Keeps it in `directory` under its date, beside the `keep` newest but itself, and answers where.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, directory: &Path, keep: usize) -> io::Result<PathBuf> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let date: String =
            self.at.to_string().chars().take(26).map(|sign| if sign == ':' { '-' } else { sign }).collect();
        let path = directory.join(format!("drill-{date}.json"));
        self.write(&path)?;
        forget_all_but(directory, keep)?;
        Ok(path)
    }
}

fn write(mut file: File, report: &Report) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(report)?;
    text.push(b'\n');
    file.write_all(&text)
}

/// Removes the oldest reports. Their names sort by date.
fn forget_all_but(directory: &Path, keep: usize) -> io::Result<()> {
    let names = std::fs::read_dir(directory)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_report = |name: &String| name.strip_prefix("drill-").and_then(|name| name.strip_suffix(".json")).is_some();
    let mut names: Vec<_> = names.filter(is_report).collect();
    names.sort_unstable();
    let excess = names.len().saturating_sub(keep.max(1));
    names[..excess].iter().try_for_each(|name| std::fs::remove_file(directory.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(micros: i64) -> Report {
        let finding = Finding {
            probe: "fork_bomb",
            class: Class::Resources,
            attack: "processes without end",
            guard: "the limit of processes",
            outcome: Outcome::Broke("512 processes".to_owned()),
            duration_ms: 7,
        };
        Report {
            at: Timestamp::from_micros(micros),
            innkeeper: "1",
            engine: "Docker".to_owned(),
            image: "sha256:1".to_owned(),
            as_root: true,
            duration_ms: 8,
            held: 0,
            not_held: 1,
            probes: vec![finding],
        }
    }

    #[test]
    fn reports_are_dated_and_the_newest_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..4).map(|at| report(at * 1_000_000).keep(directory.path(), 2).unwrap()).collect();
        assert_eq!(paths[0].file_name().unwrap(), "drill-1970-01-01T00-00-00.000000.json");
        let kept: Vec<_> = paths.iter().map(|path| path.exists()).collect();
        assert_eq!(kept, [false, false, true, true]);
        let text = std::fs::read_to_string(&paths[3]).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["probes"][0]["outcome"], "broke");
        assert_eq!(read["probes"][0]["seen"], "512 processes");
    }
}
