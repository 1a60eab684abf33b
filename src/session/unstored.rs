//! A turn's end that could not be stored: it is kept, and stored when the store can be written again.

use tokio::time::sleep;
use tracing::{error, warn};

use super::live::Whereabouts;
use super::persist::{MAX_PAUSE, MIN_PAUSE};
use super::supervisor::Supervisor;
use crate::domain::TurnEnd;

impl Supervisor {
    /// Ends the turn, unless it has ended. An end that cannot be stored now is kept, so that the agent is stopped meanwhile.
    pub(super) async fn end(&mut self, end: TurnEnd) {
        if self.over {
            return;
        }
        let Err(error) = self.store_end(&end).await else { return };
        let source = &error as &dyn std::error::Error;
        if error.is_transient() {
            warn!(error = source, "end of a turn not stored: it is retried until it is");
            self.note(Whereabouts::stop);
            self.unstored = Some(end);
        } else {
            error!(error = source, "a turn's end could not be stored; the reconciler ends it");
        }
    }

    /// Stores the end that was kept, as soon as that is possible. The turn can be cancelled until then. When the server stops
    /// first, its next start ends the turn.
    pub(super) async fn store_kept(&mut self, end: TurnEnd) {
        let stopping = self.shared.tasks.stopping().clone();
        let mut pause = MIN_PAUSE;
        while !self.over {
            tokio::select! {
                answer = self.asked_to_cancel() => self.cancel(answer).await,
                () = sleep(pause) => {
                    pause = (pause * 2).min(MAX_PAUSE);
                    match self.store_end(&end).await {
                        Err(error) if !error.is_transient() => {
                            let error = &error as &dyn std::error::Error;
                            return error!(error, "a turn's end could not be stored; the reconciler ends it");
                        }
                        _ => {}
                    }
                }
                () = stopping.cancelled() => return,
            }
        }
    }
}
