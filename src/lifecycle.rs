//! The life of the process: every task is spawned here, and shutdown waits for all of them.
//!
//! The first signal *drains*: refuse new work, finish what runs. The second, or the end of the grace, *stops*: end
//! everything now. A task that panics stops the process too, with a failure, because what it guarded is unguarded.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span};

use crate::telemetry::IDS;

/// Where tasks are spawned, and how they learn that the process ends. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    draining: CancellationToken,
    stopping: CancellationToken,
    crashed: Arc<AtomicBool>,
}

impl Tasks {
    /// A fresh set of tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` as a task called `name` in the logs.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        let guarded = async move {
            if std::panic::AssertUnwindSafe(future).catch_unwind().await.is_err() {
                info!("a task crashed, so the process stops");
                tasks.crashed.store(true, Ordering::SeqCst);
                tasks.draining.cancel();
                tasks.stopping.cancel();
            }
        };
        self.tracker.spawn(guarded.instrument(info_span!(target: IDS, "task", task = name)));
    }

    /// Cancelled when new work is to be refused.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when everything is to end now.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Asks everything to end, and waits until it has.
    pub async fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
        self.finished().await;
    }

    /// Runs until the process is told to end, and ends it: refuse new work, wait at most `grace` until what runs is
    /// `drained`, then stop. Answers whether it ended well.
    ///
    /// # Errors
    /// When the signals cannot be listened for.
    pub async fn run_until_ended(&self, grace: Duration, drained: impl Future<Output = ()>) -> std::io::Result<bool> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => info!("interrupted: finishing what runs; once more to stop at once"),
            _ = terminate.recv() => info!("asked to end: finishing what runs; once more to stop at once"),
            () = self.draining.cancelled() => {}
        }
        self.draining.cancel();
        tokio::select! {
            () = drained => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = tokio::time::sleep(grace) => info!("the grace is over: stopping what still runs"),
        }
        self.stop().await;
        Ok(!self.crashed.load(Ordering::SeqCst))
    }

    async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
