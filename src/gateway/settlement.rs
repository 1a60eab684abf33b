//! Writing what a call cost, until it is written: a store that fails for a while loses no bill.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};

use super::hold::Books;
use crate::store::{CallRef, Settlement};

/// How often it is tried before the caller is given its answer's end all the same; each pause is twice the one before.
const TRIES_BEFORE_ANSWER: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How long it is tried after the process was told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A settlement that is not written yet.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Where it is to be written.
    pub(super) books: Arc<Books>,
    /// The call.
    pub(super) call: CallRef,
    /// What it cost.
    pub(super) settlement: Settlement,
}

impl Unwritten {
    /// Writes it. If that fails a few times it goes on in the background, for as long as the process lives: the caller waits
    /// no longer, and the call stays open in the ledger meanwhile.
    pub(super) async fn write(self) {
        let mut pause = FIRST_PAUSE;
        for tried in 0..TRIES_BEFORE_ANSWER {
            if self.try_once(tried).await {
                return;
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.write_in_background(TRIES_BEFORE_ANSWER, pause);
    }

    /// Writes it without anybody waiting.
    pub(super) fn write_in_background(self, tried: u32, pause: Duration) {
        let tasks = self.books.tasks.clone();
        tasks.spawn("settlement", self.retry(tried, pause));
    }

    async fn retry(self, mut tried: u32, mut pause: Duration) {
        let stopping = self.books.tasks.stopping().clone();
        let mut deadline = None;
        loop {
            if self.try_once(tried).await {
                return;
            }
            tried = tried.saturating_add(1);
            if stopping.is_cancelled() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + STOP_PATIENCE);
                if Instant::now() >= deadline {
                    return self.give_up(tried);
                }
                pause = pause.min(FIRST_PAUSE * 4);
                sleep(pause).await;
            } else {
                tokio::select! {
                    () = sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
                    () = stopping.cancelled() => {}
                }
            }
        }
    }

    async fn try_once(&self, tried: u32) -> bool {
        let Self { books, call, settlement } = self;
        match books.money.settle(*call, settlement).await {
            Ok(()) if tried == 0 => {
                debug!(call = %call.id, model = settlement.model, cost = %settlement.cost, "call settled");
                true
            }
            Ok(()) => {
                info!(call = %call.id, tries = tried + 1, "settlement written after it had failed");
                true
            }
            Err(error) if tried == 0 => {
                let error = &error as &dyn std::error::Error;
                warn!(error, call = %call.id, "settlement failed: it is retried until it is written");
                false
            }
            Err(_) => false,
        }
    }

    fn give_up(&self, tries: u32) {
        let Self { call, settlement, .. } = self;
        error!(
            ?call,
            ?settlement,
            tries,
            "settlement not written before the stop: the next start charges what is held; correct it by hand"
        );
    }
}
