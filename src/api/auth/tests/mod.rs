//! Keys as their holders meet them. A test that stops the hasher or closes the store shows what is done without.

mod http;
mod lockout;
mod verify;

use std::sync::Arc;

use super::{Gate, Issued, NewKey, Tokens, Verifier, issue_key};
use crate::config::Config;
use crate::domain::clock::ManualClock;
use crate::domain::{
    By, Clock, KeyOwner, PlainKey, Tenant, TenantId, TenantLimits, TenantRoot, TenantState, Timestamp,
};
use crate::lifecycle::Tasks;
use crate::store::Store;

/// A store with one tenant, and what verifies keys against it.
struct Fixture {
    store: Store,
    clock: ManualClock,
    tasks: Tasks,
    keys: Arc<Verifier>,
    gate: Arc<Gate>,
    tenant: Tenant,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("test.db")).await.unwrap();
        let (clock, tasks) = (ManualClock::at(Timestamp::from_micros(1)), Tasks::new());
        let config = Config::load(None).unwrap();
        let keys = Arc::new(Verifier::new(store.clone(), Arc::new(clock.clone()), &config.auth, &tasks));
        let tokens = Tokens::open(&directory.path().join("tokens.key")).unwrap();
        let gate = Arc::new(Gate::new(&config, Arc::clone(&keys), tokens, Arc::new(clock.clone())).unwrap());
        let tenant = Tenant {
            id: TenantId::generate(),
            name: "acme".to_owned(),
            roots: vec![TenantRoot::new("/srv/acme").unwrap()],
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
        };
        store.tenants().create(&tenant, &By::test()).await.unwrap();
        Self { store, clock, tasks, keys, gate, tenant, _directory: directory }
    }

    async fn issue(&self, owner: KeyOwner, expires_in_days: Option<u32>) -> Issued {
        self.issue_with(NewKey { owner, name: "test".to_owned(), scopes: None, expires_in_days }).await
    }

    async fn issue_with(&self, new: NewKey) -> Issued {
        issue_key(&self.store, self.keys.hasher(), new, &self.by()).await.unwrap()
    }

    fn by(&self) -> By {
        By { at: self.clock.now(), ..By::test() }
    }

    async fn tenant_key(&self) -> PlainKey {
        self.issue(KeyOwner::Tenant(self.tenant.id), None).await.plain
    }

    async fn operator_key(&self) -> PlainKey {
        self.issue(KeyOwner::Operator, None).await.plain
    }
}
