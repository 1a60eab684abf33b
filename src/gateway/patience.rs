//! How long an answer is waited for: as long as it keeps coming, whether or not somebody still listens, because the hold
//! stands until its cost is known.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::drains::{DrainPlace, Drains};
use crate::domain::{EstimateReason, TenantId};
use crate::metrics::catalogue::GATEWAY_LEFT;

/// The bounds of waiting, shared by all calls.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// For the answer to begin.
    pub(super) response: Duration,
    /// Between two pieces of it.
    pub(super) idle: Duration,
    /// For the rest of an answer nobody listens to.
    pub(super) drain: Duration,
    /// For a caller that does not read its answer.
    pub(super) reader: Duration,
    drains: Drains,
    stopping: CancellationToken,
}

/// The patience with one call.
#[derive(Debug)]
pub(super) struct Patience {
    limits: Limits,
    tenant: TenantId,
    /// How long the answer is still read on, since the caller left.
    drain: Option<Drain>,
}

#[derive(Debug)]
struct Drain {
    end: Pin<Box<Sleep>>,
    _place: DrainPlace,
}

/// Why waiting ended without what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// Nothing came for too long.
    Silent,
    /// Nobody listens, and it was read on for as long as the setting says.
    Unheard,
    /// Nobody listens, and there is no place to read it on.
    Crowded,
    /// The process ends.
    Stopping,
}

impl Limits {
    /// The bounds for calls that end when `stopping` is cancelled.
    pub(super) fn new(
        response: Duration,
        idle: Duration,
        drain: Duration,
        reader: Duration,
        stopping: CancellationToken,
    ) -> Self {
        Self { response, idle, drain, reader, drains: Drains::default(), stopping }
    }

    /// Returns when the process ends.
    pub(super) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }
}

impl GaveUp {
    /// Why the call's cost is an estimate then. `has_begun` says whether the answer had begun.
    pub(super) fn estimate(self, has_begun: bool) -> EstimateReason {
        match self {
            Self::Silent if has_begun => EstimateReason::Stalled,
            Self::Silent => EstimateReason::NoAnswer,
            Self::Unheard => EstimateReason::DrainTimeout,
            Self::Crowded => EstimateReason::CallerGone,
            Self::Stopping => EstimateReason::Stopped,
        }
    }
}

impl Patience {
    /// Patience within `limits` with a call of `tenant`.
    pub(super) fn new(limits: Limits, tenant: TenantId) -> Self {
        Self { limits, tenant, drain: None }
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
            let place = self.limits.drains.take(self.tenant).ok_or(GaveUp::Crowded)?;
            self.drain = Some(Drain { end: Box::pin(sleep(self.limits.drain)), _place: place });
        }
    }
}
