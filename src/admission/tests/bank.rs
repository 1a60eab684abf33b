//! A store with a tenant, its session and turn, for the tests beside it.

use crate::admission::Money;
use crate::domain::{
    Ask, Budget, BudgetId, By, CallId, Enforcement, KeyId, Period, Scope, SessionId, Tenant, TenantId, TenantLimits,
    TenantState, Timestamp, TurnId, TurnSpec, Usage, Usd,
};
use crate::store::{CallRef, NewCall, NewSession, NewTurn, Settlement, Store};

/// A moment in the middle of November 2026, in microseconds.
pub(super) const NOW: i64 = 1_794_700_800_000_000;

pub(super) struct Bank {
    _directory: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) money: Money,
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) turn: TurnId,
}

impl Bank {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
        let now = Timestamp::from_micros(NOW);
        let record = Tenant {
            id: tenant,
            name: "acme".to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: now,
        };
        store.tenants().create(&record, &By::test()).await.unwrap();
        let turn_record = NewTurn {
            id: turn,
            prompt: String::new(),
            spec: TurnSpec::default(),
            key: KeyId::new("key"),
            created_at: now,
        };
        let new = NewSession { id: session, tenant, root: "/".into(), relative: "".into(), turn: turn_record };
        store.sessions().create(&new).await.unwrap();
        Self { _directory: directory, money: Money::new(store.clone()), store, tenant, session, turn }
    }

    pub(super) async fn budget(&self, scope: Scope, period: Period, nanos: i64) -> BudgetId {
        let budget = Budget {
            id: BudgetId::generate(),
            scope,
            period,
            limit: Usd::from_nanos(nanos),
            enforcement: Enforcement::Hard,
            created_at: Timestamp::from_micros(NOW),
        };
        self.store.budgets().create(&budget, &By::test()).await.unwrap();
        budget.id
    }

    pub(super) fn call(&self, at: i64) -> NewCall {
        let call = CallRef { id: CallId::generate(), tenant: self.tenant, session: self.session, turn: self.turn };
        NewCall { call, model: "m".to_owned(), price_version: "1".to_owned(), at: Timestamp::from_micros(at) }
    }

    /// Another session of the tenant, or of another one, and its turn.
    pub(super) async fn another_session(&self, tenant: TenantId) -> CallRef {
        let (session, turn) = (SessionId::generate(), TurnId::generate());
        let (now, key) = (Timestamp::from_micros(NOW), KeyId::new("key"));
        let record = NewTurn { id: turn, prompt: String::new(), spec: TurnSpec::default(), key, created_at: now };
        let new = NewSession { id: session, tenant, root: "/".into(), relative: "".into(), turn: record };
        self.store.sessions().create(&new).await.unwrap();
        CallRef { id: CallId::generate(), tenant, session, turn }
    }

    /// Another tenant.
    pub(super) async fn another_tenant(&self, name: &str) -> TenantId {
        let record = Tenant {
            id: TenantId::generate(),
            name: name.to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(NOW),
        };
        self.store.tenants().create(&record, &By::test()).await.unwrap();
        record.id
    }

    /// Spent and held of each budget, in nano-dollars, in the window of `at`.
    pub(super) async fn standings(&self, at: i64) -> Vec<(i64, i64)> {
        let standings = self.store.budgets().list(Timestamp::from_micros(at)).await.unwrap();
        standings.iter().map(|standing| (standing.spent.as_nanos(), standing.held.as_nanos())).collect()
    }

    pub(super) async fn settle(&self, call: CallRef, nanos: i64) {
        self.money.settle(call, &settlement(nanos)).await.unwrap();
    }
}

pub(super) fn settlement(nanos: i64) -> Settlement {
    Settlement {
        model: "m".to_owned(),
        usage: Usage::default(),
        cost: Usd::from_nanos(nanos),
        estimated: None,
        at: Timestamp::from_micros(NOW),
    }
}

/// A call that can cost `nanos` at most, and cannot be made any shorter.
pub(super) fn ask(nanos: i64) -> Ask {
    Ask { input_picos: u128::try_from(nanos).unwrap() * 1_000, output_picos: 0, max_tokens: 1, least_tokens: 1 }
}

/// Returns never: somebody waits for the answer.
pub(super) async fn stays() {
    std::future::pending::<()>().await;
}
