//! Wrong keys, by the address they come from: who has sent too many is turned away before anything costly is done for it.
//!
//! Only failures count, so that an office whose forty teams share one address is not bounded by it. Whether an address
//! has used up its failures is known when the next one is noted, which is one late and enough.
//!
//! The address has no say where a proof is cheap: a digest that is known, or a signature. And a key whose id exists is hashed
//! even for an address that sent too many wrong ones, at a rate that bounds what guessing costs, so that one caller behind a
//! proxy cannot shut the others out.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::admission::Rates;
use crate::domain::{KeyId, Rate, RateClass};

/// Addresses that are remembered, and how long after their last failure. Whoever has more addresses than that meets the
/// bound on hashes, which is for all together.
const CAPACITY: u64 = 100_000;
const IDLE: Duration = Duration::from_mins(30);

/// Hashes for addresses that sent too many wrong keys: of one key's id, and in all.
const HASHES_OF_KEY: Rate = rate(300, 20);
const HASHES: Rate = rate(1_200, 40);

/// The addresses wrong keys came from.
#[derive(Debug)]
pub(super) struct Failures {
    rate: Rate,
    hashes_of_key: Rates<KeyId>,
    hashes: Rates<()>,
    rates: Rates<IpAddr>,
    /// Those that are turned away, and until when.
    blocked: Cache<IpAddr, Instant>,
}

impl Failures {
    pub(super) fn new(rate: Rate) -> Self {
        let blocked = Cache::builder().max_capacity(CAPACITY).time_to_live(IDLE).build();
        Self { rate, hashes_of_key: Rates::new(IDLE), hashes: Rates::new(IDLE), rates: Rates::new(IDLE), blocked }
    }

    /// For how many seconds a caller is still turned away, if it is.
    pub(super) fn blocked(&self, caller: IpAddr) -> Option<u64> {
        let left = self.blocked.get(&caller)?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| u64::try_from(left.as_millis()).unwrap_or(u64::MAX).div_ceil(1_000).max(1))
    }

    /// Whether a key with the id `key` may be hashed although its address is turned away.
    pub(super) fn may_hash(&self, key: KeyId) -> bool {
        self.hashes_of_key.take(key, RateClass::Read, HASHES_OF_KEY).is_ok()
            && self.hashes.take((), RateClass::Read, HASHES).is_ok()
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

const fn rate(per_minute: u32, burst: u32) -> Rate {
    Rate {
        per_minute: NonZeroU32::new(per_minute).expect("a rate is not zero"),
        burst: NonZeroU32::new(burst).expect("a burst is not zero"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_fails_too_often_is_turned_away_for_a_while_and_nobody_else() {
        let failures = Failures::new(rate(10, 10));
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

    #[tokio::test(start_paused = true)]
    async fn hashes_for_addresses_that_are_turned_away_are_bounded_for_each_key_and_in_all() {
        let failures = Failures::new(rate(10, 10));
        let hashed = |key: &str| (0..100).take_while(|_| failures.may_hash(KeyId::new(key))).count();
        assert_eq!(hashed("one"), 20);
        assert_eq!(hashed("two"), 20);
        assert_eq!(hashed("three"), 0, "all of them are used up");
        advance(Duration::from_secs(1)).await;
        assert_eq!(hashed("one"), 5, "a second gives five for each key");
        assert_eq!(hashed("four"), 15, "and twenty in all");
    }
}
