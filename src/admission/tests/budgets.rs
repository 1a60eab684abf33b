//! Money against a real store: whatever happens at the same time, no budget is exceeded, and every hold comes back.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::bank::{Bank, NOW, ask, settlement, stays};
use crate::admission::NoMoney;
use crate::domain::{
    By, CallId, Enforcement, EventKind, KeyId, Period, Scope, SessionLimits, Timestamp, TurnId, TurnSpec, Usd,
};
use crate::store::{Corrected, NewTurn, SpendingBy, SpendingPage};

#[tokio::test]
async fn a_budget_made_in_the_middle_counts_what_was_spent_and_what_is_held() {
    let bank = Bank::new().await;
    let (settled, open) = (bank.call(NOW), bank.call(NOW));
    bank.money.hold(&settled, &ask(100), stays()).await.unwrap();
    bank.settle(settled.call, 60).await;
    bank.money.hold(&open, &ask(100), stays()).await.unwrap();
    bank.budget(Scope::Tenant(bank.tenant), Period::Month, 1_000).await;
    assert_eq!(bank.standings(NOW).await, [(60, 100)]);
    bank.settle(open.call, 30).await;
    assert_eq!(bank.standings(NOW).await, [(90, 0)]);
}

#[tokio::test]
async fn a_limit_lowered_below_what_is_spent_refuses_and_raised_again_lets_through() {
    let bank = Bank::new().await;
    let budget = bank.budget(Scope::Installation, Period::Total, 1_000).await;
    let first = bank.call(NOW);
    bank.money.hold(&first, &ask(500), stays()).await.unwrap();
    bank.settle(first.call, 500).await;
    bank.store.budgets().update(budget, Usd::from_nanos(400), Enforcement::Hard, &By::test()).await.unwrap();
    let refused = bank.money.hold(&bank.call(NOW), &ask(1), stays()).await;
    assert!(matches!(refused, Err(NoMoney::Spent(standing)) if standing.budget.id == budget));
    bank.store.budgets().update(budget, Usd::from_nanos(501), Enforcement::Hard, &By::test()).await.unwrap();
    bank.money.hold(&bank.call(NOW), &ask(1), stays()).await.unwrap();
}

#[tokio::test]
async fn a_call_over_midnight_is_paid_by_the_day_it_was_held_in() {
    const DAY: i64 = 24 * 3_600 * 1_000_000;
    let bank = Bank::new().await;
    bank.budget(Scope::Tenant(bank.tenant), Period::Day, 100).await;
    let call = bank.call(NOW);
    bank.money.hold(&call, &ask(100), stays()).await.unwrap();
    assert_eq!(bank.standings(NOW + DAY).await, [(0, 0)]);
    bank.money.hold(&bank.call(NOW + DAY), &ask(100), stays()).await.unwrap();
    bank.settle(call.call, 70).await;
    assert_eq!(bank.standings(NOW).await, [(70, 0)]);
    assert_eq!(bank.standings(NOW + DAY).await, [(0, 100)]);
}

#[tokio::test]
async fn a_call_waits_for_what_others_hold_and_no_longer_than_somebody_waits_for_it() {
    let bank = Arc::new(Bank::new().await);
    bank.budget(Scope::Tenant(bank.tenant), Period::Total, 100).await;
    let first = bank.call(NOW);
    bank.money.hold(&first, &ask(100), stays()).await.unwrap();
    let left = bank.money.hold(&bank.call(NOW), &ask(80), async {}).await;
    assert!(matches!(left, Err(NoMoney::Held(_))), "{left:?}");
    let (second, request) = (bank.call(NOW), ask(80));
    let waiting = bank.money.hold(&second, &request, stays());
    let settling = bank.settle(first.call, 20);
    let (granted, ()) = tokio::join!(waiting, settling);
    assert_eq!(granted.unwrap().amount, Usd::from_nanos(80));
    assert_eq!(bank.standings(NOW).await, [(20, 80)]);
}

#[tokio::test]
async fn orphans_are_charged_what_they_hold() {
    let bank = Bank::new().await;
    bank.budget(Scope::Session(bank.tenant, bank.session), Period::Total, 100).await;
    bank.money.hold(&bank.call(NOW), &ask(40), stays()).await.unwrap();
    bank.money.hold(&bank.call(NOW), &ask(50), stays()).await.unwrap();
    assert_eq!(bank.store.ledger().settle_orphans(Timestamp::from_micros(NOW)).await.unwrap(), 2);
    assert_eq!(bank.standings(NOW).await, [(90, 0)]);
    assert_eq!(bank.store.ledger().settle_orphans(Timestamp::from_micros(NOW)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_threshold_is_told_once() {
    let bank = Bank::new().await;
    bank.budget(Scope::Installation, Period::Total, 100).await;
    let mut told = Vec::new();
    for cost in [49, 1, 29, 1, 19, 0, 1] {
        let call = bank.call(NOW);
        bank.money.hold(&call, &ask(cost), stays()).await.unwrap();
        let crossings = bank.store.ledger().settle(call.call, &settlement(cost)).await.unwrap();
        told.push(crossings.first().map_or(0, |crossing| crossing.percent));
    }
    assert_eq!(told, [0, 50, 0, 80, 95, 0, 100]);
}

/// One call: the most it can cost, what it costs of that in percent, and how many steps it takes before it settles.
#[tokio::test]
async fn a_threshold_is_kept_with_the_budget_and_told_in_the_session_once() {
    let bank = Bank::new().await;
    let budget = bank.budget(Scope::Tenant(bank.tenant), Period::Total, 100).await;
    bank.budget(Scope::Installation, Period::Total, 100).await;
    for _ in 0..3 {
        let call = bank.call(NOW);
        bank.money.hold(&call, &ask(27), stays()).await.unwrap();
        bank.settle(call.call, 27).await;
    }
    let start = Period::Total.starts_at(Timestamp::from_micros(NOW));
    let reached = bank.store.budgets().reached(budget, start).await.unwrap();
    let told: Vec<_> = reached.iter().map(|reached| (reached.percent, reached.spent.as_nanos())).collect();
    assert_eq!(told, [(50, 54), (80, 81)]);
    let events = bank.store.events().of_kind(bank.tenant, bank.session, EventKind::Budget).await.unwrap();
    assert_eq!(events.len(), 2, "the tenant's budget twice, the installation's is not the tenant's to see");
    assert!(
        events[1].payload.contains(r#""percent":80"#) && events[1].payload.contains(r#""spent_usd":"0.000000081""#)
    );
}

#[tokio::test]
async fn a_top_up_counts_in_its_window_alone() {
    let bank = Bank::new().await;
    let budget = bank.budget(Scope::Tenant(bank.tenant), Period::Day, 100).await;
    let by = By { at: Timestamp::from_micros(NOW), ..By::test() };
    assert!(bank.store.budgets().top_up(budget, Usd::from_nanos(50), "release week", &by).await.unwrap());
    let call = bank.call(NOW);
    bank.money.hold(&call, &ask(150), stays()).await.unwrap();
    bank.settle(call.call, 150).await;
    assert!(matches!(bank.money.hold(&bank.call(NOW), &ask(1), stays()).await, Err(NoMoney::Spent(_))));
    let tomorrow = bank.call(NOW + 86_400_000_000);
    assert!(matches!(bank.money.hold(&tomorrow, &ask(101), stays()).await, Err(NoMoney::Spent(_))));
}

#[tokio::test]
async fn a_correction_counts_wherever_its_call_does_and_leaves_the_row_as_it_was() {
    let bank = Bank::new().await;
    bank.budget(Scope::Tenant(bank.tenant), Period::Day, 1_000).await;
    let (call, open) = (bank.call(NOW), bank.call(NOW));
    bank.money.hold(&call, &ask(100), stays()).await.unwrap();
    bank.settle(call.call, 100).await;
    bank.money.hold(&open, &ask(10), stays()).await.unwrap();
    // Long after the day of the call.
    let by = By { at: Timestamp::from_micros(NOW + 5 * 86_400_000_000), ..By::test() };
    let correct = async |id, nanos| bank.store.ledger().correct(id, Usd::from_nanos(nanos), "why", &by).await.unwrap();
    let (before, after) = (Usd::from_nanos(100), Usd::from_nanos(40));
    assert_eq!(correct(call.call.id, 40).await, Corrected::Yes { before, after });
    assert_eq!(correct(call.call.id, 70).await, Corrected::Yes { before: after, after: Usd::from_nanos(70) });
    assert_eq!(correct(open.call.id, 1).await, Corrected::Open);
    assert_eq!(correct(CallId::generate(), 1).await, Corrected::Missing);
    assert_eq!(bank.standings(NOW).await, [(70, 10)]);
    let (ledger, from) = (bank.store.ledger(), Timestamp::from_micros(0));
    let page = SpendingPage { from, to: by.at, by: SpendingBy::Model, after: None, limit: 10 };
    let spending = ledger.spending(bank.tenant, &page).await.unwrap();
    assert_eq!((spending[0].calls, spending[0].cost.as_nanos()), (1, 70));
    let rows = bank.store.ledger().newest(Some(bank.session), false, None, 10).await.unwrap();
    let costs: Vec<_> = rows.iter().map(|row| (row.status.as_str(), row.cost.as_nanos())).collect();
    assert!(
        costs.contains(&("exact", 100)) && costs.contains(&("correction", -60)) && costs.contains(&("correction", 30))
    );
    let found = bank.store.sessions().find(bank.tenant, bank.session).await.unwrap().unwrap();
    assert_eq!(found.turn.cost.as_nanos(), 70);
}

#[tokio::test]
async fn a_session_is_bounded_by_what_its_turns_ask_for_and_an_operator_s_budget_stays() {
    let bank = Bank::new().await;
    bank.budget(Scope::Session(bank.tenant, bank.session), Period::Total, 500).await;
    let bounded = async |nanos: i64| {
        let limits = SessionLimits { max_cost_usd: Some(Usd::from_nanos(nanos)), ..SessionLimits::default() };
        let turn = NewTurn {
            id: TurnId::generate(),
            prompt: String::new(),
            spec: TurnSpec { limits: Some(limits), ..TurnSpec::default() },
            key: KeyId::new("key"),
            created_at: Timestamp::from_micros(NOW),
        };
        bank.store.rest_for_test(bank.session).await;
        assert!(bank.store.sessions().begin_turn(bank.tenant, bank.session, &turn).await.unwrap());
        let standings = bank.store.budgets().list(Timestamp::from_micros(NOW)).await.unwrap();
        standings.iter().map(|standing| standing.budget.limit.as_nanos()).collect::<Vec<_>>()
    };
    assert_eq!(bounded(100).await, [500, 100]);
    assert_eq!(bounded(300).await, [500, 300], "the next turn's limit takes the place of the one before");
    let call = bank.call(NOW);
    assert!(matches!(bank.money.hold(&call, &ask(301), stays()).await, Err(NoMoney::Spent(_))));
}

fn calls() -> impl Strategy<Value = Vec<(i64, i64, usize)>> {
    vec((1_i64..400, 0_i64..=100, 0_usize..4), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_passes_a_budget(calls in calls(), limits in (1_i64..1500, 1_i64..1500)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let bank = Arc::new(Bank::new().await);
            bank.budget(Scope::Tenant(bank.tenant), Period::Total, limits.0).await;
            bank.budget(Scope::Session(bank.tenant, bank.session), Period::Month, limits.1).await;
            let mut tasks = tokio::task::JoinSet::new();
            for (most, percent, steps) in calls {
                let bank = Arc::clone(&bank);
                tasks.spawn(async move {
                    let new = bank.call(NOW);
                    let Ok(granted) = bank.money.hold(&new, &ask(most), stays()).await else { return 0 };
                    let cost = most * percent / 100;
                    assert_eq!(granted.amount.as_nanos(), most);
                    for step in 1..=steps {
                        let step = i64::try_from(step).unwrap();
                        bank.money.shrink(new.call, Usd::from_nanos(most - (most - cost) * step / 4)).await.unwrap();
                        for ((spent, held), limit) in bank.standings(NOW).await.iter().zip([limits.0, limits.1]) {
                            assert!(spent + held <= limit, "{spent} + {held} > {limit}");
                        }
                    }
                    bank.settle(new.call, cost).await;
                    cost
                });
            }
            let total: i64 = tasks.join_all().await.into_iter().sum();
            assert_eq!(bank.standings(NOW).await, [(total, 0), (total, 0)]);
            assert!(total <= limits.0.min(limits.1));
        });
    }
}
