//! How long an answer is waited for: as long as it keeps coming while somebody listens, and a while after that.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use crate::metrics::Raised;
use crate::metrics::catalogue::{GATEWAY_DRAINS, GATEWAY_LEFT};

/// Answers nobody listens to that are read on at the same time; further ones are given up.
const MAX_DRAINS: usize = 256;

/// The bounds of waiting, shared by all calls.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// For the answer to begin.
    pub(super) response: Duration,
    /// Between two pieces of it.
    pub(super) idle: Duration,
    /// For the rest of an answer nobody listens to.
    pub(super) drain: Duration,
    drains: Arc<Semaphore>,
    stopping: CancellationToken,
}

/// The patience with one call.
#[derive(Debug)]
pub(super) struct Patience {
    limits: Limits,
    /// How long the answer is still read on, since the caller left.
    drain: Option<Drain>,
}

#[derive(Debug)]
struct Drain {
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
    _counted: Raised,
}

/// Why waiting ended without what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// Nothing came for too long.
    Silent,
    /// Nobody listens, and it was read on for long enough.
    Unheard,
    /// The process ends.
    Stopping,
}

impl Limits {
    /// The bounds for calls that end when `stopping` is cancelled.
    pub(super) fn new(response: Duration, idle: Duration, drain: Duration, stopping: CancellationToken) -> Self {
        Self { response, idle, drain, drains: Arc::new(Semaphore::new(MAX_DRAINS)), stopping }
    }
}

impl Limits {
    /// Returns when the process ends.
    pub(super) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }
}

impl Patience {
    /// Patience within `limits`.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, drain: None }
    }

    /// Waits for `future`, at most for `limit`.
    pub(super) async fn wait<T>(
        &mut self,
        client: &mut Client,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, GaveUp> {
        let mut future = pin!(future);
        let mut silence = pin!(sleep(limit));
        loop {
            let drain = &mut self.drain;
            let draining = drain.is_some();
            let drained = async {
                match drain {
                    Some(drain) => drain.end.as_mut().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // An answer that never lets one wait comes last, or nobody would notice that its caller has left.
                biased;
                () = self.limits.stopping.cancelled() => return Err(GaveUp::Stopping),
                () = drained => return Err(GaveUp::Unheard),
                () = client.gone(), if !draining => {}
                value = &mut future => return Ok(value),
                () = &mut silence => return Err(GaveUp::Silent),
            }
            GATEWAY_LEFT.one([]);
            client.abandon();
            self.drain = Some(self.begin_drain()?);
        }
    }

    fn begin_drain(&self) -> Result<Drain, GaveUp> {
        let place = Arc::clone(&self.limits.drains).try_acquire_owned().map_err(|_| GaveUp::Unheard)?;
        Ok(Drain { end: Box::pin(sleep(self.limits.drain)), _place: place, _counted: GATEWAY_DRAINS.raised([]) })
    }
}
