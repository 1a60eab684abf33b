//! The recorder: writes down what the shim reports, and only then tells the supervisor and lets the shim forget it.
//!
//! It is a task of its own, so that a supervisor that turns to a timer or a request never drops a line half written.

use innkeeper_shim::protocol::{Entry, Exited};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::{Lines, Round};
use super::persist::persist;
use crate::agent::TurnResult;
use crate::domain::{EventKind, SessionId, TenantId};
use crate::metrics;
use crate::metrics::catalogue::SANDBOX_OOM_KILLS;
use crate::sandbox::{LinkHandle, Report};
use crate::store::{Batch, Store, StoreError};

/// Entries written in one transaction at most.
const BATCH: usize = 128;

/// What the supervisor learns, in order, each after what it tells of was stored.
#[derive(Debug)]
pub(super) enum Progress {
    /// The agent wrote something.
    Alive,
    /// The agent answered a control request.
    Answered {
        /// The request.
        request: String,
        /// What went wrong, if something did.
        error: Option<String>,
    },
    /// The turn's result is there.
    Result(TurnResult),
    /// The agent worked and has nothing more to do. Comes after the result, and instead of one that could not be read.
    Rested,
    /// The agent said more than this many bytes, which is all it may.
    TooMuch(u64),
    /// The agent ended.
    Exited(Exited),
    /// No agent will run.
    Fault(String),
    /// What the agent said cannot be stored.
    StoreFailed,
}

/// What a recorder needs.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) store: Store,
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) link: LinkHandle,
    pub(super) lines: Lines,
    /// Cancelled when the server stops: a store that cannot be written is not waited for then.
    pub(super) stopping: CancellationToken,
}

impl Recorder {
    /// Records until the reports end, or nobody wants to know.
    pub(super) async fn run(mut self, mut reports: mpsc::Receiver<Report>, supervisor: mpsc::Sender<Progress>) {
        let mut waiting = Vec::with_capacity(BATCH);
        while reports.recv_many(&mut waiting, BATCH).await > 0 {
            let mut round = Round::default();
            for report in waiting.drain(..) {
                self.read(report, &mut round);
            }
            // Nothing is confirmed meanwhile, so the agent waits too. Once its sandbox is gone nobody would.
            tokio::select! {
                () = self.lines.pace(round.bytes) => {}
                () = self.link.ended() => {}
            }
            if let Err(error) = self.write(&round.batch).await {
                tracing::error!(error = &error as &dyn std::error::Error, "what the agent said cannot be stored");
                let _ = supervisor.send(Progress::StoreFailed).await;
                return;
            }
            self.link.stored(round.last_seq);
            round.replies.into_iter().for_each(|reply| self.link.input(reply));
            for progress in round.progress {
                if supervisor.send(progress).await.is_err() {
                    // The supervisor is done with this turn; what the agent still says is recorded all the same.
                    break;
                }
            }
        }
        self.report_beyond().await;
    }

    /// Reports what came beyond the bound of all that may be said, once no more will come.
    async fn report_beyond(&mut self) {
        let mut round = Round::default();
        self.lines.end(&mut round);
        if let Err(error) = self.write(&round.batch).await {
            tracing::error!(error = &error as &dyn std::error::Error, "lost output could not be reported");
        }
    }

    fn read(&mut self, report: Report, round: &mut Round) {
        match report {
            Report::Entry { seq, entry } => {
                round.last_seq = seq;
                match entry {
                    Entry::Started { .. } => {}
                    Entry::Line(line) => self.lines.hear(&line, round),
                    Entry::OutOfMemory { killed } => self.note_kills(killed, round),
                    Entry::Exited(exited) => round.progress.push(Progress::Exited(exited)),
                }
            }
            Report::Fault(fault) => round.progress.push(Progress::Fault(fault.message)),
            Report::Present(_) => {}
        }
    }

    fn note_kills(&self, killed: u64, round: &mut Round) {
        SANDBOX_OOM_KILLS.add([&metrics::tenant(self.tenant)], killed);
        let payload = json!({ "killed": killed }).to_string();
        self.lines.note(EventKind::OutOfMemory, payload, round);
    }

    /// Writes a batch. Nothing is confirmed until that succeeds, so the agent waits too.
    async fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let append = || async { self.store.events().append(self.tenant, self.session, batch).await };
        persist(&self.stopping, append).await.map(drop)
    }
}
