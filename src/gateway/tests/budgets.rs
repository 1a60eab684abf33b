//! Budgets under real calls: many at once spend one to the end, and not beyond it.

use futures_util::future::join_all;
use serde_json::json;

use super::harness::House;
use super::wire::{Told, scripted, streamed, with};
use crate::domain::{Budget, BudgetId, By, Enforcement, Period, Scope, Standing, Timestamp, Usd};

/// The clock of these tests stands here.
const NOW: Timestamp = Timestamp::from_micros(1);

impl House {
    pub(super) async fn budget(&self, nanos: i64) {
        let budget = Budget {
            id: BudgetId::generate(),
            scope: Scope::Tenant(self.caller.tenant),
            period: Period::Month,
            limit: Usd::from_nanos(nanos),
            enforcement: Enforcement::Hard,
            created_at: NOW,
        };
        self.store.budgets().create(&budget, &By::test()).await.unwrap();
    }

    pub(super) async fn standing(&self) -> Standing {
        self.store.budgets().list(NOW).await.unwrap().remove(0)
    }
}

#[tokio::test]
async fn two_hundred_calls_at_once_spend_a_budget_and_not_a_nano_dollar_more() {
    const LIMIT: i64 = 5_000_000_000;
    let house = House::new().await;
    house.budget(LIMIT).await;
    // 44 million nano-dollars each, of which 113 fit; more than twice that is held for each before its answer.
    let usage = json!({"input_tokens": 1_000, "output_tokens": 2_000});
    let call = streamed(with(scripted(&json!({"usage": usage})), "max_tokens", 4_096));
    // A sandbox has so many connections, and one that is kept for later would keep another call waiting.
    // One beyond those may be closed for another before its request is read: it was not made then, and is made again.
    let one = async || loop {
        match house.post(call.to_string()).header("connection", "close").send().await {
            Ok(answer) => return Told::of(answer).await,
            Err(error) => assert!(error.is_request(), "{error:?}"),
        }
    };
    let told = join_all((0..200).map(|_| one())).await;
    let (answered, refused): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told.status == 200);
    let Standing { spent, held, .. } = house.standing().await;
    assert_eq!(held, Usd::ZERO);
    assert_eq!(spent.as_nanos(), 44_000_000 * i64::try_from(answered.len()).unwrap());
    assert!(spent.as_nanos() <= LIMIT && spent.as_nanos() * 100 >= LIMIT * 95, "{spent}");
    assert!(!refused.is_empty());
    for told in refused {
        let said = told.refusal(429, "billing_error", false);
        assert_eq!(said, "spend limit reached: the tenant's budget is $5 a month; begins anew at 1970-02-01 00:00 UTC");
        assert!(told.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn what_is_held_shrinks_once_the_input_is_known_and_comes_back_with_the_answer() {
    let house = House::new().await;
    house.budget(5_000_000_000).await;
    let usage = json!({"input_tokens": 10, "output_tokens": 7});
    let script = json!({"usage": usage, "chunks": 4, "stall_after_chunks": 2});
    let mut answer = house.call(&streamed(with(scripted(&script), "max_tokens", 10_000))).await;
    super::wire::read_until(&mut answer, "content_block_delta").await;
    // 10 tokens of input at 4 dollars a million, and all the output that may come at 20.
    assert_eq!(house.standing().await.held.as_nanos(), 10 * 4_000 + 10_000 * 20_000);
    drop(answer);
    house.stop().await;
    let Standing { spent, held, .. } = house.standing().await;
    assert_eq!((held, spent), (Usd::ZERO, house.row().await.cost));
}

#[tokio::test]
async fn a_shorter_answer_is_asked_for_when_only_that_fits() {
    let house = House::new().await;
    house.budget(200_000_000).await;
    assert_eq!(house.told(&with(scripted(&json!({})), "max_tokens", 32_000)).await.status, 200);
    let asked = house.stand_in.received()[0].json()["max_tokens"].as_u64().unwrap();
    assert!((4_096..10_000).contains(&asked), "{asked}");
}
