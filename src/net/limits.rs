//! How long a peer may take for each part of a request, and how many bytes of it are discarded.

use std::time::Duration;

use tokio::time::Instant;

/// The deadlines of a listener's connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a request's head, or from the connection's beginning, to the head's end.
    pub head: Duration,
    /// Between a response and the next request.
    pub idle: Duration,
    /// Between two pieces of a body, and before the minimum rate counts.
    pub body: Duration,
    /// The rate a body keeps in the long run.
    pub min_body_bytes_per_second: u64,
    /// How long a peer may read nothing of a response.
    pub write: Duration,
    /// Bytes of an unread body that are discarded after the response.
    pub discard_bytes: u64,
}

/// When bytes that arrive must have arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    began: Instant,
    last: Instant,
    received: u64,
    grace: Duration,
    min_bytes_per_second: u64,
}

impl Limits {
    /// The pace of a body that begins now.
    pub(super) fn pace(&self) -> Pace {
        let now = Instant::now();
        let min_bytes_per_second = self.min_body_bytes_per_second.max(1);
        Pace { began: now, last: now, received: 0, grace: self.body, min_bytes_per_second }
    }
}

impl Pace {
    /// Notes that bytes arrived.
    pub(super) fn note(&mut self, bytes: usize) {
        self.last = Instant::now();
        self.received = self.received.saturating_add(bytes as u64);
    }

    /// When the next bytes must have arrived. `None`: at no time that the clock can tell.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let earned = Duration::from_secs(self.received / self.min_bytes_per_second);
        let by_rate = self.began.checked_add(self.grace.saturating_add(earned));
        let by_progress = self.last.checked_add(self.grace);
        by_rate.into_iter().chain(by_progress).min()
    }
}

/// Sleeps until `deadline`; for ever when there is none.
pub(super) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
