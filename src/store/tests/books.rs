//! A store with tenants, sessions and settled calls, for the tests beside it.

use crate::domain::{
    AgentReport, Ask, By, CallId, Day, Decision, EndReason, EstimateReason, KeyId, Outcome, SessionId, Tenant,
    TenantId, TenantLimits, TenantState, Timestamp, TurnEnd, TurnId, TurnSpec, Usage, Usd,
};
use crate::store::{CallRef, Corrected, NewCall, NewSession, NewTurn, Settlement, Store};

/// A store of its own.
pub(super) struct Books {
    _directory: Option<tempfile::TempDir>,
    pub(super) store: Store,
}

/// A session in its first turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) turn: TurnId,
}

/// A moment of a day.
pub(super) fn at(day: &str, seconds: i64) -> Timestamp {
    Timestamp::from_micros(Day::parse(day).unwrap().starts_at().as_micros() + seconds * 1_000_000)
}

/// A usage of every class, each another number.
pub(super) fn used(tokens: u64) -> Usage {
    Usage {
        input_tokens: tokens,
        output_tokens: tokens + 1,
        cache_read_tokens: tokens + 2,
        cache_write_5m_tokens: tokens + 3,
        cache_write_1h_tokens: tokens + 4,
        web_search_requests: tokens + 5,
    }
}

impl Books {
    pub(super) async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        Self { _directory: Some(directory), store }
    }

    /// A store in the file at `path`.
    pub(super) async fn at(path: &std::path::Path) -> Self {
        Self { _directory: None, store: Store::open(path).await.unwrap() }
    }

    pub(super) async fn tenant(&self, name: &str) -> TenantId {
        let id = TenantId::generate();
        let tenant = Tenant {
            id,
            name: name.to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: at("2026-11-01", 0),
        };
        self.store.tenants().create(&tenant, &By::test()).await.unwrap();
        id
    }

    pub(super) async fn work(&self, tenant: TenantId, key: &str) -> Work {
        let (session, turn) = (SessionId::generate(), TurnId::generate());
        let record = NewTurn {
            id: turn,
            prompt: String::new(),
            spec: TurnSpec::default(),
            key: KeyId::new(key),
            created_at: at("2026-11-01", 0),
        };
        let new = NewSession { id: session, tenant, root: "/".into(), relative: "".into(), turn: record };
        self.store.sessions().create(&new).await.unwrap();
        Work { tenant, session, turn }
    }

    /// Opens a call.
    pub(super) async fn begin(&self, work: Work, model: &str, at: Timestamp) -> CallRef {
        let call = CallRef { id: CallId::generate(), tenant: work.tenant, session: work.session, turn: work.turn };
        let new = NewCall { call, model: model.to_owned(), price_version: "v1".to_owned(), at };
        let ask = Ask { input_picos: 0, output_picos: 0, max_tokens: 1, least_tokens: 1 };
        let decision = self.store.ledger().open(&new, &ask).await.unwrap();
        assert!(matches!(decision, Decision::Hold { .. }), "{decision:?}");
        call
    }

    pub(super) async fn settle(
        &self,
        call: CallRef,
        model: &str,
        usage: Usage,
        nanos: i64,
        exact: bool,
        at: Timestamp,
    ) {
        let estimated = (!exact).then_some(EstimateReason::Cut);
        let settlement = Settlement { model: model.to_owned(), usage, cost: Usd::from_nanos(nanos), estimated, at };
        self.store.ledger().settle(call, &settlement).await.unwrap();
    }

    /// A call that was made and settled.
    pub(super) async fn call(&self, work: Work, model: &str, at: Timestamp, tokens: u64, nanos: i64) -> CallId {
        let call = self.begin(work, model, at).await;
        self.settle(call, model, used(tokens), nanos, true, at).await;
        call.id
    }

    /// Lets a call cost so much.
    pub(super) async fn correct(&self, call: CallId, nanos: i64, at: Timestamp) {
        let by = By { at, ..By::test() };
        let corrected = self.store.ledger().correct(call, Usd::from_nanos(nanos), "=why", &by).await.unwrap();
        assert!(matches!(corrected, Corrected::Yes { .. }), "{corrected:?}");
    }

    /// Ends a session's turn with what the agent claims.
    pub(super) async fn end(&self, work: Work, claimed: Option<i64>, at: Timestamp) {
        let claimed = claimed.map(Usd::from_nanos);
        let report = AgentReport { num_turns: 1, duration_ms: 1, usage: serde_json::Value::Null, claimed };
        let end = TurnEnd {
            outcome: Outcome::Completed,
            reason: EndReason::Answered,
            error: None,
            report: Some(Box::new(report)),
        };
        assert!(self.store.turns().end(work.tenant, work.session, work.turn, &end, at).await.unwrap().is_some());
    }
}
