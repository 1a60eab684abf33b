//! A sandbox whose turn is over, in an engine in memory.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::domain::clock::ManualClock;
use crate::domain::{By, Clock, KeyId, Tenant, TenantLimits, TenantState, TurnSpec};
use crate::domain::{SandboxName, TenantId, TurnId};
use crate::engine::fake::FakeEngine;
use crate::lifecycle::Tasks;
use crate::sandbox::Maker;
use crate::session::Registry;
use crate::session::leftovers::settling::{Ended, MAX_WAIT_MS, adopt, finish, open};
use crate::spawner::WorkspacePath;
use crate::spawner::{Local, Order, Policy, Spawner, Swept};
use crate::store::{LiveTurn, NewSession, NewTurn, Store};

/// A sandbox that was at work in a workspace when its turn ended, and a bait in the workspace.
pub(super) struct Fixture {
    pub(super) directory: tempfile::TempDir,
    pub(super) config: Arc<Config>,
    pub(super) engine: Arc<FakeEngine>,
    pub(super) clock: ManualClock,
    pub(super) store: Store,
    pub(super) registry: Registry,
    pub(super) tenant: TenantId,
    pub(super) name: SandboxName,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::load(None).unwrap();
        config.data_dir = directory.path().join("data");
        std::fs::create_dir(&config.data_dir).unwrap();
        config.survey.max_entries = 20;
        let config = Arc::new(config);
        let image = (config.engine.image.clone(), crate::spawner::test_image());
        let (engine, store) = (Arc::new(FakeEngine::new([image])), Store::open(&config.database_path()).await.unwrap());
        let clock = ManualClock::at(crate::domain::SystemClock.now());
        let registry = registry(&engine, &store, &config, &clock);
        let path = directory.path().join("workspace");
        std::fs::create_dir(&path).unwrap();
        let _ = std::os::unix::fs::chown(&path, Some(20_001), Some(20_001));
        let workspace = WorkspacePath { root: path, relative: "".into() };
        let order = Order::test(workspace.clone());
        let (tenant, name, turn) = (order.tenant, order.name(), TurnId::generate());
        let record = Tenant {
            id: tenant,
            name: "acme".to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: clock.now(),
        };
        store.tenants().create(&record, &By::test()).await.unwrap();
        let (spec, key) = (TurnSpec::default(), KeyId::new("key"));
        let new = NewTurn { id: turn, prompt: "Hi".to_owned(), spec, key, created_at: clock.now() };
        let WorkspacePath { root, relative } = workspace.clone();
        store.sessions().create(&NewSession { id: name.session, tenant, root, relative, turn: new }).await.unwrap();
        let spawner = registry.shared().maker.spawner();
        let opened = spawner.open(order).await.unwrap();
        spawner.survey(&opened.id).await.unwrap();
        let overview = store.sessions().find(tenant, name.session).await.unwrap().unwrap();
        let pending = open(&LiveTurn::of(&overview), name.epoch, &workspace, true, true, clock.now());
        store.pending().insert(&pending).await.unwrap();
        let fixture = Self { directory, config, engine, clock, store, registry, tenant, name };
        std::fs::write(fixture.bait(), "evil").unwrap();
        fixture
    }

    pub(super) fn bait(&self) -> std::path::PathBuf {
        self.directory.path().join("workspace/.envrc")
    }

    pub(super) async fn pending(&self) -> Option<String> {
        self.registry.changes_pending(self.tenant, self.name.session).await.unwrap()
    }

    /// What is known to be changed, by turn.
    pub(super) async fn recorded(&self) -> Vec<crate::domain::TurnChanges> {
        self.store.changes().list(self.tenant, self.name.session, 9).await.unwrap()
    }

    /// Tries once to end the sandbox, as its supervisor does when the server stops.
    pub(super) async fn finish(&self) {
        let shared = self.registry.shared();
        let overview = self.store.sessions().find(self.tenant, self.name.session).await.unwrap().unwrap();
        shared.tasks.stopping().cancel();
        finish(shared, &LiveTurn::of(&overview), Ended::Unused).await;
    }

    /// Starts the server again, on the same engine and the same data.
    pub(super) async fn restart(&mut self) -> Swept {
        self.clock.advance_millis(60_000);
        self.registry = registry(&self.engine, &self.store, &self.config, &self.clock);
        let shared = self.registry.shared();
        let swept = shared.maker.spawner().sweep(&[self.name]).await.unwrap();
        adopt(shared, self.store.pending().all().await.unwrap(), &swept.remaining).await.unwrap();
        swept
    }

    pub(super) async fn settle(&self) {
        self.registry.settle_due().await.unwrap();
        self.clock.advance_millis(MAX_WAIT_MS);
    }

    pub(super) async fn is_free(&self, path: &str) -> bool {
        let workspace = WorkspacePath { root: self.directory.path().to_owned(), relative: path.into() };
        self.registry.check_free(self.tenant, &workspace).await.is_ok()
    }

    pub(super) async fn assert_done(&self) {
        assert!(!self.bait().exists());
        let [turn] = &*self.recorded().await else { panic!("one turn is known") };
        assert_eq!(turn.changes.as_ref().unwrap().totals.executables, 1);
        assert_eq!(self.pending().await, None);
        assert_eq!(self.store.pending().all().await.unwrap(), []);
        assert_eq!(std::fs::read_dir(self.config.data_dir.join("surveys")).unwrap().count(), 0);
    }
}

/// A registry whose sandboxes are the engine's, as a server that starts makes it.
pub(super) fn registry(engine: &Arc<FakeEngine>, store: &Store, config: &Arc<Config>, clock: &ManualClock) -> Registry {
    let engine: Arc<dyn crate::engine::Engine> = Arc::clone(engine) as _;
    let spawner = Local::new(engine, Arc::clone(config), Policy::Embedded, "test", config.sandboxes_dir());
    let (tasks, (sockets, _)) = (Tasks::new(), mpsc::channel(1));
    let maker = Maker::new(Arc::new(spawner) as Arc<dyn Spawner>, Arc::clone(config), tasks.clone(), sockets);
    Registry::new(store.clone(), Arc::new(clock.clone()), Arc::clone(config), tasks, maker)
}
