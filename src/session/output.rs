//! What an agent says, bounded: how much in a turn, and how fast.
//!
//! Whoever says it too fast is read slower: what is not stored is not confirmed, the shim's journal is full, and the agent
//! waits at its pipe. Nothing is lost by that. What is said beyond the turn's bound is lost, and the turn is stopped; only
//! what makes the conversation resumable is kept for a while longer.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::agent::Loss;

/// What may be said at once after a while of silence, as time at the rate.
const BURST: Duration = Duration::from_secs(4);

/// How much is kept of an agent that puts its things away after it said too much.
const LAST_WORDS_BYTES: u64 = 4 << 20;

/// What one turn's agent has said so far.
#[derive(Debug)]
pub(super) struct Output {
    limit: u64,
    said: u64,
    last_words: u64,
    /// What came beyond the bound and was not kept.
    lost: Loss,
    bytes_per_second: NonZeroU64,
    /// When all that was said would have been said at the rate.
    due: Instant,
}

/// Whether something said is within the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// It is.
    Within,
    /// This goes beyond it, the first to do so.
    Crossed,
    /// All that comes now does.
    Beyond,
}

impl Output {
    /// Nothing was said yet, of at most `limit` bytes.
    pub(super) fn new(limit: u64, bytes_per_second: NonZeroU64) -> Self {
        Self { limit, said: 0, last_words: 0, lost: Loss::default(), bytes_per_second, due: Instant::now() }
    }

    /// The most that may be said.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Counts something that was said.
    pub(super) fn count(&mut self, bytes: u64) -> Bound {
        let was_within = self.said <= self.limit;
        self.said = self.said.saturating_add(bytes);
        match (was_within, self.said <= self.limit) {
            (_, true) => Bound::Within,
            (true, false) => Bound::Crossed,
            (false, false) => Bound::Beyond,
        }
    }

    /// Whether something said beyond the bound may be kept all the same, because the conversation ends with it.
    pub(super) fn keeps_last_words(&mut self, bytes: u64) -> bool {
        self.last_words = self.last_words.saturating_add(bytes);
        self.last_words <= LAST_WORDS_BYTES
    }

    /// Counts a line that is not kept.
    pub(super) fn lose(&mut self, bytes: u64) {
        self.lost.lines_beyond_limit += 1;
        self.lost.bytes_beyond_limit = self.lost.bytes_beyond_limit.saturating_add(bytes);
    }

    /// What was not kept.
    pub(super) fn lost(&self) -> Loss {
        self.lost
    }

    /// Waits until `bytes` more may be said.
    pub(super) async fn pace(&mut self, bytes: u64) {
        let now = Instant::now();
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get());
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        self.due = self.due.max(earliest).checked_add(takes).unwrap_or(self.due);
        if self.due > now {
            sleep_until(self.due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: NonZeroU64 = NonZeroU64::new(1_000).unwrap();

    #[test]
    fn a_bound_is_crossed_once_and_last_words_end_too() {
        let mut output = Output::new(100, RATE);
        assert_eq!(
            [100, 0, 1, 0].map(|bytes| output.count(bytes)),
            [Bound::Within, Bound::Within, Bound::Crossed, Bound::Beyond]
        );
        assert!(output.keeps_last_words(LAST_WORDS_BYTES));
        assert!(!output.keeps_last_words(1));
        assert_eq!(output.count(u64::MAX), Bound::Beyond);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_fast_is_kept_waiting_and_silence_earns_a_burst_and_no_more() {
        let mut output = Output::new(u64::MAX, RATE);
        let start = Instant::now();
        output.pace(1_500).await;
        assert_eq!(start.elapsed().as_millis().next_multiple_of(100), 1_500);
        // A single line larger than any burst is waited for, not refused.
        output.pace(10_000).await;
        assert_eq!(start.elapsed().as_millis().next_multiple_of(100), 11_500);

        tokio::time::advance(Duration::from_hours(1)).await;
        let start = Instant::now();
        output.pace(4_000).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        output.pace(1_000).await;
        assert_eq!(start.elapsed().as_millis().next_multiple_of(100), 1_000);
    }
}
