//! How fast calls may come.

use std::num::NonZeroU32;

use super::harness::House;
use super::wire::hello;
use crate::domain::{By, Rate, TenantLimits, TenantRates};

/// A call a minute in the long run.
fn rate(burst: u32) -> Rate {
    Rate { per_minute: NonZeroU32::MIN, burst: NonZeroU32::new(burst).unwrap() }
}

impl House {
    async fn pace(&self, rates: TenantRates) {
        let limits = TenantLimits { rates: Some(rates), ..TenantLimits::default() };
        self.store.tenants().set_limits(self.caller.tenant, &limits, &By::test()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_session_that_calls_too_fast_is_told_to_wait_and_nobody_else() {
    let house = House::new().await;
    house.pace(TenantRates { session_messages: Some(rate(2)), ..TenantRates::default() }).await;
    for _ in 0..2 {
        assert_eq!(house.told(&hello()).await.status, 200);
    }
    let told = house.told(&hello()).await;
    let seconds: u64 = told.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}");
    let message = told.refusal(429, "rate_limit_error", true);
    assert_eq!(message, "the session calls the model faster than 1 times a minute");
    assert_eq!(house.neighbour().await.told(&hello()).await.status, 200);
    assert_eq!(house.rows().await.len(), 2, "a call that came too soon is none");
}

#[tokio::test]
async fn a_call_that_comes_a_little_too_soon_is_slowed_down_and_not_refused() {
    let house = House::new().await;
    let hasty = Rate { per_minute: NonZeroU32::new(600).unwrap(), burst: NonZeroU32::MIN };
    house.pace(TenantRates { session_messages: Some(hasty), ..TenantRates::default() }).await;
    for _ in 0..5 {
        assert_eq!(house.told(&hello()).await.status, 200);
    }
}

#[tokio::test]
async fn a_rate_that_is_changed_while_calls_come_counts_at_once_and_fills_nothing_up() {
    let house = House::new().await;
    house.pace(TenantRates { tenant_messages: Some(rate(2)), ..TenantRates::default() }).await;
    assert_eq!(house.told(&hello()).await.status, 200);
    house.pace(TenantRates { tenant_messages: Some(rate(1)), ..TenantRates::default() }).await;
    assert_eq!(house.told(&hello()).await.status, 200, "one was left");
    house.pace(TenantRates { tenant_messages: Some(rate(50)), ..TenantRates::default() }).await;
    house.told(&hello()).await.refusal(429, "rate_limit_error", true);
}
