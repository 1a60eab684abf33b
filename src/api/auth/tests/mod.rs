//! Keys as their holders meet them. A test that stops the hasher or closes the store shows what is done without.

mod http;
mod verify;

use std::sync::Arc;

use super::{Issued, NewKey, Verifier, issue_key};
use crate::config::AuthConfig;
use crate::domain::clock::ManualClock;
use crate::domain::{KeyOwner, PlainKey, Tenant, TenantId, TenantLimits, TenantRoot, TenantState, Timestamp};
use crate::lifecycle::Tasks;
use crate::store::Store;

/// A store with one tenant, and what verifies keys against it.
struct Fixture {
    store: Store,
    clock: ManualClock,
    tasks: Tasks,
    keys: Arc<Verifier>,
    tenant: Tenant,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("test.db")).await.unwrap();
        let (clock, tasks) = (ManualClock::at(Timestamp::from_micros(1)), Tasks::new());
        let config = AuthConfig { cache_ttl_ms: 60_000, oidc: Vec::new() };
        let keys = Arc::new(Verifier::new(store.clone(), Arc::new(clock.clone()), &config, &tasks));
        let tenant = Tenant {
            id: TenantId::generate(),
            name: "acme".to_owned(),
            roots: vec![TenantRoot::new("/srv/acme").unwrap()],
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
        };
        store.tenants().create(&tenant).await.unwrap();
        Self { store, clock, tasks, keys, tenant, _directory: directory }
    }

    async fn issue(&self, owner: KeyOwner, expires_in_days: Option<u32>) -> Issued {
        let new = NewKey { owner, name: "test".to_owned(), expires_in_days };
        issue_key(&self.store, &self.clock, self.keys.hasher(), new).await.unwrap()
    }

    async fn tenant_key(&self) -> PlainKey {
        self.issue(KeyOwner::Tenant(self.tenant.id), None).await.plain
    }

    async fn operator_key(&self) -> PlainKey {
        self.issue(KeyOwner::Operator, None).await.plain
    }
}
