//! Taking turns: calls wait for what others hold, in order, and nobody keeps others out of what they share.

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::bank::{Bank, NOW, ask, stays};
use crate::admission::{Granted, NoMoney};
use crate::domain::{CallId, Period, Scope, SessionId, TenantId, Timestamp, Usd};
use crate::store::{CallRef, NewCall};

fn new_call(session: CallRef) -> NewCall {
    let call = CallRef { id: CallId::generate(), ..session };
    NewCall { call, model: "m".to_owned(), price_version: "1".to_owned(), at: Timestamp::from_micros(NOW) }
}

impl Bank {
    fn own(&self) -> CallRef {
        CallRef { id: CallId::generate(), tenant: self.tenant, session: self.session, turn: self.turn }
    }

    /// Holds money for a call of `session`, without waiting for it.
    async fn hold_now(&self, session: CallRef, nanos: i64) -> Result<(CallRef, Granted), NoMoney> {
        let new = new_call(session);
        let granted = self.money.hold(&new, &ask(nanos), std::future::ready(())).await?;
        Ok((new.call, granted))
    }

    /// Returns once so many calls wait.
    async fn until_waiting(&self, calls: usize) {
        while self.money.waiting() != calls {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn sessions_under_one_budget_take_turns_in_the_order_they_came() {
    let bank = Arc::new(Bank::new().await);
    // Each may cost nine tenths of the budget, and costs a tenth.
    bank.budget(Scope::Tenant(bank.tenant), Period::Total, 1_000).await;
    let (order, mut tasks, mut begins) = (Arc::new(Mutex::new(Vec::new())), JoinSet::new(), Vec::new());
    let held = Arc::new(Notify::new());
    for number in 0..6_usize {
        let session = bank.another_session(bank.tenant).await;
        let (begin, model_begins) = oneshot::channel::<()>();
        begins.push(begin);
        let (bank_of_task, order, is_held) = (Arc::clone(&bank), Arc::clone(&order), Arc::clone(&held));
        tasks.spawn(async move {
            let new = new_call(session);
            bank_of_task.money.hold(&new, &ask(900 - 100 * i64::try_from(number).unwrap()), stays()).await.unwrap();
            order.lock().unwrap().push(number);
            is_held.notify_one();
            model_begins.await.unwrap();
            bank_of_task.settle(new.call, 100).await;
        });
        if number == 0 {
            held.notified().await;
        } else {
            bank.until_waiting(number).await;
        }
    }
    // The model begins its answers long after all of them wait.
    for (number, begin) in begins.into_iter().enumerate() {
        if number > 0 {
            held.notified().await;
        }
        assert_eq!(order.lock().unwrap().last(), Some(&number));
        begin.send(()).unwrap();
    }
    tasks.join_all().await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(bank.standings(NOW).await, [(600, 0)]);
}

#[tokio::test]
async fn a_call_that_comes_again_has_kept_its_place() {
    let bank = Arc::new(Bank::new().await);
    bank.budget(Scope::Tenant(bank.tenant), Period::Total, 100).await;
    let (first, _) = bank.hold_now(bank.own(), 100).await.unwrap();
    let [early, late] = [bank.another_session(bank.tenant).await, bank.another_session(bank.tenant).await];
    let refused = bank.hold_now(early, 80).await;
    assert!(matches!(refused, Err(NoMoney::Held(_))), "{refused:?}");
    let wait = |session: CallRef| {
        let (bank, mut task) = (Arc::clone(&bank), JoinSet::new());
        task.spawn(async move {
            let new = new_call(session);
            bank.money.hold(&new, &ask(80), stays()).await.map(|_| new.call)
        });
        task
    };
    let mut late = wait(late);
    bank.until_waiting(1).await;
    let mut early = wait(early);
    bank.until_waiting(2).await;
    bank.settle(first, 10).await;
    let call = early.join_next().await.unwrap().unwrap().unwrap();
    assert!(late.try_join_next().is_none(), "the one that came later was served as well");
    bank.settle(call, 10).await;
    late.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_large_call_is_not_overtaken_by_small_ones() {
    let bank = Arc::new(Bank::new().await);
    bank.budget(Scope::Tenant(bank.tenant), Period::Total, 100).await;
    let (first, _) = bank.hold_now(bank.own(), 50).await.unwrap();
    let (large, small) = (bank.another_session(bank.tenant).await, bank.another_session(bank.tenant).await);
    let (mut waiting, bank_of_task) = (JoinSet::new(), Arc::clone(&bank));
    waiting.spawn(async move { bank_of_task.money.hold(&new_call(large), &ask(90), stays()).await });
    bank.until_waiting(1).await;
    assert!(matches!(bank.hold_now(small, 10).await, Err(NoMoney::Held(_))), "it took what the large one waits for");
    bank.settle(first, 0).await;
    assert_eq!(waiting.join_next().await.unwrap().unwrap().unwrap().amount, Usd::from_nanos(90));
}

#[tokio::test]
async fn a_tenant_that_waits_for_its_own_budget_holds_up_no_other() {
    let bank = Arc::new(Bank::new().await);
    let other = bank.another_tenant("other").await;
    bank.budget(Scope::Tenant(bank.tenant), Period::Total, 100).await;
    bank.budget(Scope::Installation, Period::Total, 10_000).await;
    bank.hold_now(bank.own(), 100).await.unwrap();
    let mut tasks = JoinSet::new();
    for waiting in 1..=3 {
        let (bank_of_task, session) = (Arc::clone(&bank), bank.another_session(bank.tenant).await);
        tasks.spawn(async move { bank_of_task.money.hold(&new_call(session), &ask(50), stays()).await });
        bank.until_waiting(waiting).await;
    }
    let (_, granted) = bank.hold_now(bank.another_session(other).await, 100).await.unwrap();
    assert_eq!(granted.amount, Usd::from_nanos(100));
}

/// Holds `nanos` for calls of a tenant until it has to wait, and returns the calls.
async fn hold_all(bank: &Bank, tenant: TenantId, nanos: i64) -> Vec<CallRef> {
    let mut calls = Vec::new();
    loop {
        match bank.hold_now(bank.another_session(tenant).await, nanos).await {
            Ok((call, _)) => calls.push(call),
            Err(NoMoney::Held(_)) => return calls,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn one_tenant_leaves_others_their_share_of_the_installations_budget() {
    let bank = Bank::new().await;
    let other = bank.another_tenant("other").await;
    bank.budget(Scope::Installation, Period::Total, 1_000).await;
    // Of calls that hold a sixth of the budget each, three are half of it.
    let greedy = hold_all(&bank, bank.tenant, 166).await;
    assert_eq!(greedy.len(), 3);
    let honest = hold_all(&bank, other, 100).await;
    assert_eq!(honest.len(), 5, "another tenant was left without its share");
    for call in greedy.into_iter().chain(honest) {
        bank.settle(call, 1).await;
    }
    assert_eq!(bank.standings(NOW).await, [(8, 0)]);
}

#[tokio::test]
async fn a_single_tenant_can_spend_the_installations_budget_to_its_end() {
    let bank = Bank::new().await;
    bank.budget(Scope::Installation, Period::Total, 1_000).await;
    let mut calls = 0;
    let end = loop {
        match bank.hold_now(bank.another_session(bank.tenant).await, 40).await {
            Ok((call, _)) => bank.settle(call, 40).await,
            Err(end) => break end,
        }
        calls += 1;
    };
    assert!(matches!(end, NoMoney::Spent(_)), "{end:?}");
    assert_eq!(calls, 25);
}

#[tokio::test]
async fn a_call_that_could_cost_more_than_any_may_is_refused_at_once() {
    let bank = Bank::new().await;
    let session = CallRef { session: SessionId::generate(), ..bank.own() };
    for nanos in [Usd::MAX_CALL.as_nanos() + 1, i64::MAX] {
        let refused = bank.hold_now(session, nanos).await;
        assert!(matches!(refused, Err(NoMoney::Excessive(amount)) if amount.as_nanos() == nanos), "{refused:?}");
    }
    bank.hold_now(session, Usd::MAX_CALL.as_nanos()).await.unwrap();
}
