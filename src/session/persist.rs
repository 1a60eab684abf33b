//! Storing what must not be lost: tried again until the store can be written.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::registry::Shared;
use crate::domain::{EndReason, PendingSandbox, SessionState, Timestamp, TurnEnd};
use crate::store::{LiveTurn, StoreError};

/// How long is waited after the first failure. Doubled each time.
pub(super) const MIN_PAUSE: Duration = Duration::from_millis(100);
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Takes `step` until it succeeds, for as long as the store is at fault: its disk is full, its database locked. Once `stopping`
/// is cancelled it is taken at most once more.
///
/// # Errors
/// The step's own, when it would fail again; and that of the last try before the stop.
pub(super) async fn persist<T, F>(stopping: &CancellationToken, step: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = MIN_PAUSE;
    loop {
        let is_last = stopping.is_cancelled();
        match step().await {
            Err(error) if error.is_transient() && !is_last => {
                if pause == MIN_PAUSE {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "session state not stored: it is retried until it is");
                }
            }
            outcome => return outcome,
        }
        stopping.run_until_cancelled(sleep(pause)).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

impl Shared {
    /// Stores that a turn's session is in `state` since `now`, as soon as that is possible. Returns its epoch.
    ///
    /// # Errors
    /// How the turn ends, when it is over already or the store fails for good.
    pub(super) async fn enter_state(
        &self,
        turn: &LiveTurn,
        state: SessionState,
        now: Timestamp,
    ) -> Result<i64, TurnEnd> {
        let enter = || async { self.store.sessions().set_state(turn, state, now).await };
        let entered = persist(self.tasks.stopping(), enter).await;
        entered.map_err(|error| store_failed(&error))?.ok_or_else(TurnEnd::cancelled)
    }

    /// Stores that a sandbox is about to be made, as soon as that is possible.
    ///
    /// # Errors
    /// How the turn ends, when the store fails for good.
    pub(super) async fn expect_sandbox(&self, pending: &PendingSandbox) -> Result<(), TurnEnd> {
        let insert = || async { self.store.pending().insert(pending).await };
        persist(self.tasks.stopping(), insert).await.map_err(|error| store_failed(&error))
    }
}

/// How a turn ends that the store fails.
pub(super) fn store_failed(error: &StoreError) -> TurnEnd {
    error!(error = error as &dyn std::error::Error, "the store failed a turn");
    TurnEnd::failed(EndReason::StartFailed, "The server could not store the session's state")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::store::Fault;

    fn full() -> StoreError {
        StoreError::Unavailable { fault: Fault::Full, source: None }
    }

    #[tokio::test(start_paused = true)]
    async fn step_is_taken_until_the_store_is_back() {
        let tries = Cell::new(0);
        let step = || async {
            tries.set(tries.get() + 1);
            if tries.get() < 100 { Err(full()) } else { Ok(tries.get()) }
        };
        assert_eq!(persist(&CancellationToken::new(), step).await.unwrap(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn step_that_would_fail_again_is_taken_once() {
        let tries = Cell::new(0);
        let step = || async {
            tries.set(tries.get() + 1);
            Err::<(), _>(StoreError::Closed)
        };
        assert!(matches!(persist(&CancellationToken::new(), step).await, Err(StoreError::Closed)));
        assert_eq!(tries.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn stop_is_not_held_up_by_a_store_that_fails() {
        let (stopping, tries) = (CancellationToken::new(), Cell::new(0));
        let step = || async {
            tries.set(tries.get() + 1);
            if tries.get() == 3 {
                stopping.cancel();
            }
            Err::<(), _>(full())
        };
        assert!(persist(&stopping, step).await.unwrap_err().is_transient());
        assert_eq!(tries.get(), 4);
    }
}
