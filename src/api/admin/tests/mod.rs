//! Tenants and their roots as operators create them, in directories made for each test.

mod audit;
mod budgets;
mod cleanup;
mod findings;
mod http;
mod odd_requests;
mod roots;
mod sessions;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use super::{CreateTenantError, create_tenant};
use crate::config::{Config, RatesConfig};
use crate::domain::clock::ManualClock;
use crate::domain::{By, Rate, Tenant, Timestamp};
use crate::spawner::root_keeper;
use crate::store::Store;

/// An installation in a directory of its own: the data in `data`, and room for roots beside it.
struct Fixture {
    config: Arc<Config>,
    clock: ManualClock,
    store: Store,
    base: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let mut config = Config::load(None).unwrap();
        config.data_dir = base.path().join("data");
        let any = Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::MAX };
        config.rates = RatesConfig { read: any, write: any, create: any, admin: any, ..config.rates };
        std::fs::create_dir(&config.data_dir).unwrap();
        let store = Store::open(&config.database_path()).await.unwrap();
        Self { config: Arc::new(config), clock: ManualClock::at(Timestamp::from_micros(1)), store, base }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.base.path().join(path)
    }

    async fn create(&self, name: &str, roots: &[PathBuf]) -> Result<Tenant, CreateTenantError> {
        create_tenant(&self.store, &self.config, &*root_keeper(&self.config), name, roots.to_vec(), &By::test()).await
    }
}
