//! A store with a tenant, its key, its session and a turn: what calls are accounted to.

use std::path::Path;

use innkeeper::api::auth::{Hasher, Issued, NewKey, issue_key};
use innkeeper::domain::{
    Budget, BudgetId, By, Clock, Enforcement, KeyOwner, Period, Scope, SessionId, SystemClock, Tenant, TenantId,
    TenantLimits, TenantState, TurnId, TurnSpec, Usd, Who,
};
use innkeeper::lifecycle::Tasks;
use innkeeper::store::{NewSession, NewTurn, Store};

/// Whatever stops a bench.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The store and who is in it.
pub(crate) struct Bank {
    /// Every fact.
    pub(crate) store: Store,
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// Its session.
    pub(crate) session: SessionId,
    /// The session's turn.
    pub(crate) turn: TurnId,
}

/// Who makes a bench's changes.
pub(crate) fn by() -> By {
    By { who: Who::Server, from: None, at: SystemClock.now() }
}

impl Bank {
    /// A store in `directory`.
    pub(crate) async fn open(directory: &Path) -> Result<Self> {
        Self::tenant(Store::open(&directory.join("bank.db")).await?, "bench").await
    }

    /// A tenant in `store`.
    pub(crate) async fn tenant(store: Store, name: &str) -> Result<Self> {
        let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
        let record = Tenant {
            id: tenant,
            name: name.to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: SystemClock.now(),
        };
        store.tenants().create(&record, &by()).await?;
        let bank = Self { store, tenant, session, turn };
        let tasks = Tasks::new();
        let key = bank.issue(&Hasher::start(&tasks)).await?.record.id;
        tasks.stop().await;
        let first = NewTurn {
            id: turn,
            prompt: "Hi".to_owned(),
            spec: TurnSpec::default(),
            key: key.clone(),
            created_at: SystemClock.now(),
        };
        let new = NewSession { id: session, tenant, root: "/srv".into(), relative: "".into(), turn: first };
        bank.store.sessions().create(&new).await?;
        let scopes =
            [Scope::Installation, Scope::Tenant(tenant), Scope::Key(tenant, key), Scope::Session(tenant, session)];
        for scope in scopes {
            bank.budget(scope).await?;
        }
        Ok(bank)
    }

    /// A key of the tenant.
    pub(crate) async fn issue(&self, hasher: &Hasher) -> Result<Issued> {
        let owner = KeyOwner::Tenant(self.tenant);
        let new = NewKey { owner, name: "bench".to_owned(), scopes: None, expires_in_days: None };
        Ok(issue_key(&self.store, hasher, new, &by()).await?)
    }

    async fn budget(&self, scope: Scope) -> Result<()> {
        let budget = Budget {
            id: BudgetId::generate(),
            scope,
            period: Period::Month,
            limit: Usd::from_nanos(i64::MAX / 2),
            enforcement: Enforcement::Hard,
            created_at: SystemClock.now(),
        };
        Ok(self.store.budgets().create(&budget, &by()).await?)
    }
}

/// The value at `percent` of sorted values.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}
