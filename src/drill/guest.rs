//! A script of the drill in a sandbox, in the agent's place: what it is given, and what it says.

use std::collections::BTreeMap;
use std::time::Duration;

use innkeeper_shim::protocol::{Entry, FaultKind, Line, Start, Stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::outcome::Outcome;
use crate::agent::{HOME, WORKSPACE};
use crate::sandbox::{Report, Sandbox};

/// What stands before every script.
const PRELUDE: &str = include_str!("probes/scripts/prelude.py");

/// How long a script may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much of what a script complains is kept.
const COMPLAINT_BYTES: usize = 300;

/// A sandbox whose agent is a script.
#[derive(Debug)]
pub(super) struct Guest {
    sandbox: Sandbox,
    stopping: CancellationToken,
    /// What the sandbox was ordered to be, for the script to hold against what it finds.
    ordered: Value,
    deadline: Instant,
    complaint: String,
    /// Why the shim started nothing, if it did not.
    pub(super) fault: Option<FaultKind>,
}

/// The last line of a script.
#[derive(Debug, Deserialize)]
struct Verdict {
    #[serde(rename = "verdict")]
    word: String,
    seen: Vec<String>,
    #[serde(default)]
    more: usize,
}

impl Guest {
    /// A sandbox that waits for its script.
    pub(super) fn new(sandbox: Sandbox, ordered: Value, stopping: CancellationToken) -> Self {
        Self { sandbox, stopping, ordered, deadline: Instant::now() + PATIENCE, complaint: String::new(), fault: None }
    }

    /// Starts `script`, with `asked` beside what the sandbox was ordered to be.
    pub(super) fn start(&self, script: &str, asked: Value) {
        let mut ordered = self.ordered.clone();
        if let (Value::Object(all), Value::Object(more)) = (&mut ordered, asked) {
            all.extend(more);
        }
        let env = [
            ("DRILL", ordered.to_string()),
            ("HOME", HOME.to_owned()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ];
        self.begin(
            vec!["/usr/bin/python3".into(), "-I".into(), "-c".into(), format!("{PRELUDE}\n{script}")],
            env.map(|(name, value)| (name.to_owned(), value)).into(),
        );
    }

    /// Starts a program.
    pub(super) fn begin(&self, argv: Vec<String>, env: BTreeMap<String, String>) {
        self.sandbox.link.start(&[], Start { argv, env, cwd: WORKSPACE.to_owned() });
    }

    /// Writes a line to its standard input.
    pub(super) fn tell(&self, line: &str) {
        self.sandbox.link.input(line.to_owned());
    }

    /// Its next line; `None` when it has ended, took too long, or the server stops.
    pub(super) async fn line(&mut self) -> Option<String> {
        loop {
            let report = tokio::select! {
                report = timeout_at(self.deadline, self.sandbox.reports.recv()) => report.ok()?,
                () = self.stopping.cancelled() => None,
            };
            let (seq, entry) = match report? {
                Report::Entry { seq, entry } => (seq, entry),
                Report::Fault(fault) => {
                    self.fault = Some(fault.kind);
                    self.complaint = format!("the shim started nothing: {fault}");
                    return None;
                }
                Report::Present(_) => continue,
            };
            self.sandbox.link.stored(seq);
            match entry {
                Entry::Line(Line { stream: Stream::Stdout, bytes, .. }) => {
                    return Some(String::from_utf8_lossy(&bytes).into_owned());
                }
                Entry::Line(line) => self.complain(&line),
                Entry::Exited(_) => return None,
                Entry::Started { .. } | Entry::OutOfMemory { .. } => {}
            }
        }
    }

    /// What the script found.
    pub(super) async fn verdict(&mut self) -> Outcome {
        while let Some(line) = self.line().await {
            if let Ok(verdict) = serde_json::from_str::<Verdict>(&line) {
                return verdict.into();
            }
        }
        Outcome::Unclear(match self.complaint.trim() {
            _ if self.stopping.is_cancelled() => "the drill was stopped".to_owned(),
            _ if Instant::now() >= self.deadline => format!("the attack took longer than {PATIENCE:?}"),
            "" => "the attack ended without a verdict".to_owned(),
            complaint => format!("the attack ended without a verdict: {complaint}"),
        })
    }

    /// Ends and removes the sandbox.
    pub(super) async fn close(self) {
        self.sandbox.close().await;
    }

    /// Keeps the end of what is written to the standard error.
    fn complain(&mut self, line: &Line) {
        self.complaint.push_str(String::from_utf8_lossy(&line.bytes).trim());
        self.complaint.push(' ');
        let excess = self.complaint.len().saturating_sub(COMPLAINT_BYTES);
        let from = (excess..=self.complaint.len()).find(|&at| self.complaint.is_char_boundary(at));
        self.complaint.drain(..from.unwrap_or_default());
    }
}

impl From<Verdict> for Outcome {
    fn from(found: Verdict) -> Self {
        let more = (found.more > 0).then(|| format!("and {} more", found.more));
        let seen = found.seen.into_iter().chain(more).collect::<Vec<_>>().join("; ");
        match found.word.as_str() {
            "held" => Self::Held,
            "broke" => Self::Broke(seen),
            _ => Self::Unclear(if seen.is_empty() { "the attack tried nothing".to_owned() } else { seen }),
        }
    }
}

/// What is asked of a script that is asked nothing.
pub(super) fn nothing() -> Value {
    json!({})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(line: &str) -> Outcome {
        serde_json::from_str::<Verdict>(line).unwrap().into()
    }

    #[test]
    fn only_a_verdict_that_something_was_tried_and_held_counts_as_held() {
        assert_eq!(outcome(r#"{"verdict":"held","seen":[],"more":0,"tried":3}"#), Outcome::Held);
        let broke = outcome(r#"{"verdict":"broke","seen":["a","b"],"more":2,"tried":9}"#);
        assert_eq!(broke, Outcome::Broke("a; b; and 2 more".to_owned()));
        assert!(matches!(outcome(r#"{"verdict":"unclear","seen":[],"tried":0}"#), Outcome::Unclear(_)));
        assert!(matches!(outcome(r#"{"verdict":"HELD!","seen":[]}"#), Outcome::Unclear(_)));
    }
}
