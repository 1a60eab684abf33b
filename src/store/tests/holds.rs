//! Calls that are written together come to what they would come to one after the other.

use futures_util::future::join_all;
use proptest::prelude::*;
use sqlx::Row;

use super::books::{Books, Work, at, used};
use crate::domain::{
    Ask, Budget, BudgetId, By, CallId, Decision, Enforcement, Period, Scope, SessionId, Share, TenantId, TurnId, Usd,
};
use crate::store::{CallRef, NewCall, Settlement, Terms};

const DAY: &str = "2026-11-20";

/// A call of one of the two sessions, with what it may cost, and what is known of it later.
#[derive(Clone, Debug)]
struct Planned {
    who: usize,
    nanos: u128,
    /// What it holds after it was shrunk.
    shrunk: Option<i64>,
    /// What it costs; nothing is known of a call that stays open.
    cost: Option<i64>,
    /// Whether it is made on the next day.
    is_late: bool,
}

fn planned() -> impl Strategy<Value = Planned> {
    let shrunk = prop::option::of(0..300_i64);
    (0..2_usize, 1..600_u128, shrunk, prop::option::of(0..400_i64), prop::bool::weighted(0.2))
        .prop_map(|(who, nanos, shrunk, cost, is_late)| Planned { who, nanos, shrunk, cost, is_late })
}

/// Two tenants with a session each, under budgets of every scope.
struct House {
    books: Books,
    works: [Work; 2],
}

impl House {
    async fn build(limits: [i64; 4]) -> Self {
        let books = Books::open().await;
        let (one, other) = (books.tenant("one").await, books.tenant("other").await);
        let works = [books.work(one, "key_a").await, books.work(other, "key_b").await];
        let scopes = [
            (Scope::Installation, Period::Month),
            (Scope::Tenant(one), Period::Day),
            (Scope::Session(other, works[1].session), Period::Total),
            (Scope::Tenant(other), Period::Week),
        ];
        for ((scope, period), limit) in scopes.into_iter().zip(limits) {
            let limit = Usd::from_nanos(limit);
            let (id, created_at) = (BudgetId::generate(), at("2026-11-01", 0));
            let budget = Budget { id, scope, period, limit, enforcement: Enforcement::Hard, created_at };
            books.store.budgets().create(&budget, &By::test()).await.unwrap();
        }
        Self { books, works }
    }

    fn new_call(&self, planned: &Planned) -> NewCall {
        let Work { tenant, session, turn } = self.works[planned.who];
        let call = CallRef { id: CallId::generate(), tenant, session, turn };
        let day = if planned.is_late { "2026-11-21" } else { DAY };
        NewCall { call, model: "m".to_owned(), price_version: "v1".to_owned(), at: at(day, 0) }
    }

    async fn open(&self, new: &NewCall, nanos: u128) -> Decision {
        let ask = Ask { input_picos: nanos * 1_000, output_picos: 1_000, max_tokens: 9, least_tokens: 1 };
        let terms = Terms { share: Share { percent: 50 }, claimed: Vec::new() };
        self.books.store.ledger().open_within(new, &ask, terms).await.unwrap()
    }

    async fn settle(&self, call: CallRef, cost: i64) -> Vec<i64> {
        let (usage, cost) = (used(cost.unsigned_abs()), Usd::from_nanos(cost));
        let settlement = Settlement { model: "m".to_owned(), usage, cost, estimated: None, at: at(DAY, 9) };
        let crossings = self.books.store.ledger().settle(call, &settlement).await.unwrap();
        crossings.iter().map(|crossing| crossing.percent).collect()
    }

    async fn shrink(&self, call: CallRef, nanos: i64) {
        self.books.store.ledger().shrink(call, Usd::from_nanos(nanos)).await.unwrap();
    }

    /// Everything that calls change, without the names that differ from house to house.
    async fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        for statement in [
            "select status || ' ' || held_nanos || ' ' || cost_nanos as fact from ledger order by rowid",
            "select w.starts_at || ' ' || spent_nanos || ' ' || held_nanos || ' ' || told_percent as fact
             from budgets b join budget_windows w on w.budget_id = b.id order by b.rowid, w.starts_at",
            "select b.rowid || ' ' || e.percent || ' ' || e.spent_nanos as fact
             from budget_events e join budgets b on b.id = e.budget_id order by e.rowid",
            "select b.rowid || ' ' || count(*) as fact from holds h join budgets b on b.id = h.budget_id group by b.rowid",
            "select t.rowid || ' ' || cost_nanos as fact from turns t order by t.rowid",
            "select kind || ' ' || coalesce(json_extract(payload, '$.percent'), '') as fact from events order by rowid",
            "select calls || ' ' || input_tokens || ' ' || cost_nanos as fact
             from ledger_totals l join tenants t on t.id = l.tenant_id order by t.rowid",
        ] {
            let rows = sqlx::query(statement).fetch_all(&self.books.store.read).await.unwrap();
            facts.extend(rows.iter().map(|row| row.get::<String, _>("fact")));
            facts.push("--".to_owned());
        }
        facts
    }

    /// Opens, shrinks and settles `calls`, all of a step at once or one by one. Returns what each came to.
    async fn live(&self, calls: &[Planned], at_once: bool) -> Vec<String> {
        let news: Vec<_> = calls.iter().map(|call| self.new_call(call)).collect();
        let opens = news.iter().zip(calls).map(|(new, call)| self.open(new, call.nanos));
        let decisions = each(opens, at_once).await;
        let shown = decisions.iter().map(|decision| match decision {
            Decision::Hold { max_tokens, amount } => format!("{max_tokens} {amount}"),
            Decision::Wait { is_share, .. } => format!("wait {is_share}"),
            other => format!("{other:?}").chars().take(6).collect(),
        });
        let mut outcomes: Vec<_> = shown.collect();
        let shrinks = news.iter().zip(calls).filter_map(|(new, call)| Some((new.call, call.shrunk?)));
        let shrinks = shrinks.map(|(call, nanos)| self.shrink(call, nanos));
        each(shrinks, at_once).await;
        let ends = news.iter().zip(calls).filter_map(|(new, call)| Some((new.call, call.cost?)));
        let settled = each(ends.map(|(call, cost)| self.settle(call, cost)), at_once).await;
        outcomes.extend(settled.iter().map(|crossed| format!("{crossed:?}")));
        outcomes
    }
}

async fn each<F: Future>(futures: impl Iterator<Item = F>, at_once: bool) -> Vec<F::Output> {
    if at_once {
        return join_all(futures).await;
    }
    let mut outputs = Vec::new();
    for future in futures {
        outputs.push(future.await);
    }
    outputs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn calls_at_once_come_to_what_they_do_one_by_one(
        calls in prop::collection::vec(planned(), 1..40),
        limits in prop::array::uniform4(100..4_000_i64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (together, alone) = runtime.block_on(async {
            let (together, alone) = (House::build(limits).await, House::build(limits).await);
            let outcomes = (together.live(&calls, true).await, alone.live(&calls, false).await);
            ((outcomes.0, together.facts().await), (outcomes.1, alone.facts().await))
        });
        prop_assert_eq!(together, alone);
    }
}

#[tokio::test]
async fn call_that_cannot_be_written_fails_alone() {
    let house = House::build([1_000_000; 4]).await;
    let plan = Planned { who: 0, nanos: 10, shrunk: None, cost: None, is_late: false };
    let good: Vec<_> = (0..3).map(|_| house.new_call(&plan)).collect();
    let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
    let mut bad = house.new_call(&plan);
    bad.call = CallRef { id: CallId::generate(), tenant, session, turn };
    let ask = Ask { input_picos: 0, output_picos: 0, max_tokens: 1, least_tokens: 1 };
    let ledger = house.books.store.ledger();
    let calls = [&good[0], &bad, &good[1], &good[2]];
    let outcomes = join_all(calls.map(|new| ledger.open(new, &ask))).await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    let error = outcomes[1].as_ref().unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(ledger.open_calls().await.unwrap(), 3);
}

#[tokio::test]
async fn call_that_is_settled_twice_at_once_costs_once() {
    let house = House::build([1_000; 4]).await;
    let plan = Planned { who: 0, nanos: 300, shrunk: None, cost: None, is_late: false };
    let new = house.new_call(&plan);
    house.open(&new, plan.nanos).await;
    let crossed = join_all([600, 900].map(|cost| house.settle(new.call, cost))).await;
    // The installation's budget and the tenant's have reached 50 % by the first.
    assert_eq!(crossed, [vec![50, 50], vec![]]);
    let standings = house.books.store.budgets().of_tenant(new.call.tenant, at(DAY, 10)).await.unwrap();
    assert_eq!((standings[0].spent, standings[0].held), (Usd::from_nanos(600), Usd::ZERO));
}

#[tokio::test]
async fn caller_that_goes_away_holds_nobody_up() {
    let house = House::build([1_000_000; 4]).await;
    let plan = Planned { who: 0, nanos: 10, shrunk: None, cost: None, is_late: false };
    let (first, second) = (house.new_call(&plan), house.new_call(&plan));
    let ask = Ask { input_picos: 0, output_picos: 0, max_tokens: 1, least_tokens: 1 };
    let ledger = house.books.store.ledger();
    let busy = house.books.store.begin_for_test().await;
    {
        let mut gone = Box::pin(ledger.open(&first, &ask));
        assert!(futures_util::poll!(&mut gone).is_pending());
    }
    let mut waiting = Box::pin(ledger.open(&second, &ask));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(busy);
    waiting.await.unwrap();
    // What was requested is written, whoever waits for it.
    assert_eq!(ledger.open_calls().await.unwrap(), 2);
}
