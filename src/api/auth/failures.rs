//! Wrong keys, by the address they come from: who has sent too many is turned away before anything is looked up.
//!
//! Only failures count, so that an office whose forty teams share one address is not bounded by it. Whether an address
//! has used up its failures is known when the next one is noted, which is one late and enough.

use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::admission::Rates;
use crate::domain::{Rate, RateClass};

/// Addresses that are remembered, and how long after their last failure. Whoever has more addresses than that meets the
/// bound on hashes, which is for all together.
const CAPACITY: u64 = 100_000;
const IDLE: Duration = Duration::from_mins(30);

/// The addresses wrong keys came from.
#[derive(Debug)]
pub(super) struct Failures {
    rate: Rate,
    rates: Rates<IpAddr>,
    /// Those that are turned away, and until when.
    blocked: Cache<IpAddr, Instant>,
}

impl Failures {
    pub(super) fn new(rate: Rate) -> Self {
        let blocked = Cache::builder().max_capacity(CAPACITY).time_to_live(IDLE).build();
        Self { rate, rates: Rates::new(IDLE), blocked }
    }

    /// For how many seconds a caller is still turned away, if it is.
    pub(super) fn blocked(&self, caller: IpAddr) -> Option<u64> {
        let left = self.blocked.get(&caller)?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| u64::try_from(left.as_millis()).unwrap_or(u64::MAX).div_ceil(1_000).max(1))
    }

    /// Notes a wrong key.
    pub(super) fn note(&self, caller: IpAddr) {
        let standing = match self.rates.take(caller, RateClass::Read, self.rate) {
            Ok(standing) if standing.remaining > 0 => return,
            Ok(standing) | Err(standing) => standing,
        };
        let wait = standing.retry_after_ms.unwrap_or_else(|| self.rate.refill_ms(1));
        self.blocked.insert(caller, Instant::now() + Duration::from_millis(wait));
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_fails_too_often_is_turned_away_for_a_while_and_nobody_else() {
        let ten = NonZeroU32::new(10).unwrap();
        let failures = Failures::new(Rate { per_minute: ten, burst: ten });
        let [bad, other] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        for _ in 0..9 {
            failures.note(bad);
            assert_eq!(failures.blocked(bad), None);
        }
        failures.note(bad);
        assert_eq!(failures.blocked(bad), Some(6));
        assert_eq!(failures.blocked(other), None);
        advance(Duration::from_secs(6)).await;
        assert_eq!(failures.blocked(bad), None);
        failures.note(bad);
        assert_eq!(failures.blocked(bad), Some(6), "one came back, and is used up");
    }
}
