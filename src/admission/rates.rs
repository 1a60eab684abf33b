//! Rates: how fast the calls of a tenant, a key or a session may come.
//!
//! Each has a limiter for each sort of calls, made when it is first asked for. A rate that is changed while the server
//! runs takes what was used up along: nobody gets a burst by having his limits changed.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;
use tokio::time::Instant;

use crate::domain::{Allowance, Rate, RateClass};

/// Callers that are remembered; who is forgotten begins anew.
const CAPACITY: u64 = 100_000;

/// The longest time in which a burst comes back, in nanoseconds: the limiter adds it to the time, which has an end.
const LONGEST_REFILL_NANOS: u64 = 100 * 365 * 24 * 3_600 * 1_000_000_000;

/// The rates of callers of one sort, told apart by `K`.
#[derive(Debug)]
pub struct Rates<K: Hash + Eq + Send + Sync + 'static> {
    clock: Ticks,
    buckets: Cache<(K, RateClass), Arc<Mutex<Bucket>>>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>;

/// A limiter, and what is needed to make another in its place.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    limiter: Limiter,
    remaining: u32,
    at: Nanos,
}

/// The time since the start, which no one sets back.
#[derive(Clone, Copy, Debug)]
struct Ticks(Instant);

impl GovernorClock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Rates<K> {
    /// Nobody has called yet. Who does not call for `idle` is forgotten.
    pub fn new(idle: Duration) -> Self {
        // A limiter reads a time of nothing as one that never was.
        let clock = Ticks(Instant::now() - Duration::from_secs(1));
        Self { clock, buckets: Cache::builder().max_capacity(CAPACITY).time_to_idle(idle).build() }
    }

    /// Takes a call of `who`, or says when it may come.
    ///
    /// # Errors
    /// How the rate stands, when the call comes too soon.
    pub fn take(&self, who: K, class: RateClass, rate: Rate) -> Result<Allowance, Allowance> {
        let bucket = self.buckets.get_with((who, class), || Arc::new(Mutex::new(Bucket::new(rate, self.clock))));
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.rate != rate {
            *bucket = bucket.changed(rate, self.clock);
        }
        bucket.take(class, self.clock)
    }
}

impl Bucket {
    fn new(rate: Rate, clock: Ticks) -> Self {
        let period = Duration::from_mins(1) / rate.per_minute.get();
        let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX));
        let burst = burst(rate);
        let limiter = RateLimiter::direct_with_clock(quota.allow_burst(burst), clock)
            .with_middleware::<StateInformationMiddleware>();
        Self { rate, limiter, remaining: burst.get(), at: clock.now() }
    }

    /// A bucket of another rate, in which as much is missing as is missing in this one.
    fn changed(&self, rate: Rate, clock: Ticks) -> Self {
        let since_ms = u64::from(clock.now()).saturating_sub(u64::from(self.at)) / 1_000_000;
        let refilled = since_ms.saturating_mul(u64::from(self.rate.per_minute.get())) / 60_000;
        let remaining = u64::from(self.remaining).saturating_add(refilled).min(u64::from(burst(rate).get()));
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        let mut changed = Self::new(rate, clock);
        if let Some(used) = NonZeroU32::new(burst(rate).get() - remaining) {
            // It fits: no more is taken than the burst.
            let _ = changed.limiter.check_n(used);
            changed.remaining = remaining;
        }
        changed
    }

    fn take(&mut self, class: RateClass, clock: Ticks) -> Result<Allowance, Allowance> {
        let rate = self.rate;
        self.at = clock.now();
        match self.limiter.check() {
            Ok(state) => {
                self.remaining = state.remaining_burst_capacity();
                Ok(Allowance { class, rate, remaining: self.remaining, retry_after_ms: None })
            }
            Err(soon) => {
                self.remaining = 0;
                let wait = soon.wait_time_from(self.at);
                let wait = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
                Err(Allowance { class, rate, remaining: 0, retry_after_ms: Some(wait) })
            }
        }
    }
}

/// The burst a limiter can reckon with: that of any rate but the oddest.
fn burst(rate: Rate) -> NonZeroU32 {
    let period = (60_000_000_000 / u64::from(rate.per_minute.get())).max(1);
    let most = u32::try_from(LONGEST_REFILL_NANOS / period).unwrap_or(u32::MAX);
    NonZeroU32::new(most).map_or(rate.burst, |most| rate.burst.min(most))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn rate(per_minute: u32, burst: u32) -> Rate {
        Rate { per_minute: NonZeroU32::new(per_minute).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    fn rates() -> Rates<u8> {
        Rates::new(Duration::from_hours(1))
    }

    fn taken(rates: &Rates<u8>, who: u8, rate: Rate) -> usize {
        (0..1_000).take_while(|_| rates.take(who, RateClass::Read, rate).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_the_rate() {
        let (rates, rate) = (rates(), rate(60, 5));
        assert_eq!(rates.take(1, RateClass::Read, rate).unwrap().remaining, 4);
        assert_eq!(taken(&rates, 1, rate), 4);
        let refused = rates.take(1, RateClass::Read, rate).unwrap_err();
        assert_eq!(refused.retry_after_ms, Some(1_000));
        advance(Duration::from_millis(999)).await;
        assert_eq!(taken(&rates, 1, rate), 0);
        advance(Duration::from_millis(1)).await;
        assert_eq!(taken(&rates, 1, rate), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_and_sorts_of_calls_have_rates_of_their_own() {
        let (rates, rate) = (rates(), rate(60, 5));
        assert_eq!(taken(&rates, 1, rate), 5);
        assert_eq!(taken(&rates, 2, rate), 5);
        assert!(rates.take(1, RateClass::Write, rate).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_rate_gives_nothing_away() {
        let rates = rates();
        assert_eq!(taken(&rates, 1, rate(60, 5)), 5);
        assert_eq!(taken(&rates, 1, rate(600, 100)), 0, "the change filled it up");
        advance(Duration::from_millis(100)).await;
        assert_eq!(taken(&rates, 1, rate(600, 100)), 1);
        assert_eq!(taken(&rates, 2, rate(60, 50)), 50);
        advance(Duration::from_secs(20)).await;
        assert_eq!(taken(&rates, 2, rate(60, 10)), 10, "what had come back was lost");
    }

    #[tokio::test(start_paused = true)]
    async fn any_rate_an_operator_can_set_can_be_reckoned_with() {
        let odd = [1, 2, 59, 60, 61, 1_000_000, u32::MAX - 1, u32::MAX];
        let rates = rates();
        for per_minute in odd {
            for burst in odd {
                for wait in [Duration::ZERO, Duration::from_secs(1), Duration::from_hours(24)] {
                    let allowance = match rates.take(1, RateClass::Read, rate(per_minute, burst)) {
                        Ok(allowance) | Err(allowance) => allowance,
                    };
                    let _ = (allowance.header(), allowance.policy_header(), allowance.retry_after_s());
                    advance(wait).await;
                }
            }
        }
    }
}
