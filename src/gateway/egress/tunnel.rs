//! Carries bytes both ways between a sandbox and a host, within bounds of bytes and time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::reason::Ended;
use crate::metrics::catalogue::EGRESS_BYTES;

/// Bytes carried at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// What one sandbox may send and receive in all its connections.
#[derive(Debug)]
pub(super) struct Allowance {
    most: u64,
    used: AtomicU64,
}

/// What went through one connection so far.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    allowance: &'a Allowance,
    began: Instant,
    sent: AtomicU64,
    received: AtomicU64,
    /// When something went through last, in milliseconds since it began.
    last_ms: AtomicU64,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug)]
enum Way {
    Sent,
    Received,
}

impl Allowance {
    /// So many bytes, none used yet.
    pub(super) const fn new(most: u64) -> Self {
        Self { most, used: AtomicU64::new(0) }
    }

    /// Whether there is nothing left.
    pub(super) fn is_used_up(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.most
    }

    /// Takes `bytes`, all or nothing. What does not fit uses up the rest.
    fn take(&self, bytes: u64) -> bool {
        let step = |used: u64| Some(used.saturating_add(bytes).min(self.most));
        let before = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or(self.most);
        before.saturating_add(bytes) <= self.most
    }
}

impl<'a> Flow<'a> {
    /// Nothing went through yet.
    pub(super) fn new(allowance: &'a Allowance) -> Self {
        Self {
            allowance,
            began: Instant::now(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
        }
    }

    /// Bytes from the sandbox and to it.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    /// How long it has lasted.
    pub(super) fn duration_ms(&self) -> u64 {
        self.began.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Carries bytes until one side or a bound ends it; `first` was read from the sandbox already.
    pub(super) async fn carry(
        &self,
        sandbox: impl AsyncRead + AsyncWrite,
        host: impl AsyncRead + AsyncWrite,
        first: &[u8],
        idle: Duration,
        longest: Duration,
    ) -> Ended {
        let (mut from_sandbox, mut to_sandbox) = tokio::io::split(sandbox);
        let (mut from_host, mut to_host) = tokio::io::split(host);
        let sending = async {
            self.write(first, &mut to_host, Way::Sent).await?;
            self.copy(&mut from_sandbox, &mut to_host, Way::Sent).await
        };
        let receiving = self.copy(&mut from_host, &mut to_sandbox, Way::Received);
        let both = async { tokio::try_join!(sending, receiving) };
        tokio::select! {
            biased;
            done = both => match done {
                Ok(_) => Ended::Closed,
                Err(ended) => ended,
            },
            () = sleep_until(self.began + longest) => Ended::TooLong,
            () = self.idle_for(idle) => Ended::Idle,
        }
    }

    /// Carries bytes one way until their source ends, and passes the end on.
    async fn copy(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        way: Way,
    ) -> Result<(), Ended> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = from.read(&mut piece).await.map_err(|_| Ended::Broken)?;
            if length == 0 {
                // The other side may be gone already, which is an end as good as any.
                let _ = to.shutdown().await;
                return Ok(());
            }
            self.write(&piece[..length], to, way).await?;
        }
    }

    async fn write(&self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin), way: Way) -> Result<(), Ended> {
        let length = bytes.len() as u64;
        if !self.allowance.take(length) {
            return Err(Ended::BytesUsedUp);
        }
        to.write_all(bytes).await.map_err(|_| Ended::Broken)?;
        to.flush().await.map_err(|_| Ended::Broken)?;
        let (sum, direction) = match way {
            Way::Sent => (&self.sent, "sent"),
            Way::Received => (&self.received, "received"),
        };
        sum.fetch_add(length, Ordering::Relaxed);
        EGRESS_BYTES.add([direction], length);
        self.last_ms.store(self.duration_ms(), Ordering::Relaxed);
        Ok(())
    }

    /// Returns when nothing went through for as long as `idle`.
    async fn idle_for(&self, idle: Duration) {
        loop {
            let last = self.last_ms.load(Ordering::Relaxed);
            sleep_until(self.began + Duration::from_millis(last) + idle).await;
            if self.last_ms.load(Ordering::Relaxed) == last {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_until_there_are_no_more() {
        let allowance = Allowance::new(10);
        assert!(allowance.take(6) && allowance.take(4));
        assert!(allowance.is_used_up() && !allowance.take(1));
        let allowance = Allowance::new(10);
        assert!(!allowance.take(11) && allowance.is_used_up());
    }
}
