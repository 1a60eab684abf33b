//! A registry with one place, and a session that waits for it.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::admission::{Bounds, Slot};
use crate::config::Config;
use crate::domain::clock::ManualClock;
use crate::domain::{
    By, KeyId, SessionId, Tenant, TenantId, TenantLimits, TenantRoot, TenantState, Timestamp, TurnId, TurnSpec,
};
use crate::lifecycle::Tasks;
use crate::sandbox::Maker;
use crate::session::{Registry, StartError};
use crate::spawner::Local;
use crate::store::{LiveTurn, NewSession, NewTurn, Store};

/// As many places as anybody may want.
pub(super) const BOUNDS: Bounds = Bounds { running: 9, waiting: 9, waiting_bytes: u64::MAX };

/// Reads of the store that are enough for one that was asked for before to be answered.
const READS: usize = 50;

/// A registry with one place, and a session that waits for it.
pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) registry: Registry,
    pub(super) record: Tenant,
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) live: LiveTurn,
    _directory: tempfile::TempDir,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(directory.path(), Some(10_001), Some(10_001)).unwrap();
        }
        let mut config = Config::load(None).unwrap();
        config.data_dir = directory.path().to_owned();
        config.session.max_running = 1;
        set(&mut config);
        let store = Store::open(&config.database_path()).await.unwrap();
        let (config, tasks) = (Arc::new(config), Tasks::new());
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1)));
        let (sockets, _) = mpsc::channel(1);
        let maker = Maker::new(Local::fake(&config), Arc::clone(&config), tasks.clone(), sockets);
        let registry = Registry::new(store.clone(), clock, config, tasks, maker);
        let (tenant, session) = (TenantId::generate(), SessionId::generate());
        let record = Tenant {
            id: tenant,
            name: "acme".to_owned(),
            roots: vec![TenantRoot::new(directory.path()).unwrap()],
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
        };
        store.tenants().create(&record, &By::test()).await.unwrap();
        let turn = NewTurn {
            id: TurnId::generate(),
            prompt: "Hi".to_owned(),
            spec: TurnSpec::default(),
            key: KeyId::new("key"),
            created_at: Timestamp::from_micros(0),
        };
        let live = turn.live(tenant, session);
        let new = NewSession { id: session, tenant, root: "/".into(), relative: "".into(), turn };
        store.sessions().create(&new).await.unwrap();
        Self { store, registry, record, tenant, session, live, _directory: directory }
    }

    pub(super) async fn reads(&self) {
        for _ in 0..READS {
            self.store.sessions().find(self.tenant, self.session).await.unwrap();
        }
    }
    /// Starts another session of the tenant.
    pub(super) async fn start(&self, prompt: String, spec: TurnSpec) -> Result<SessionId, StartError> {
        let started = self.registry.start(&self.record, &KeyId::new("key"), None, prompt, spec).await;
        started.map(|(id, _)| id)
    }

    /// Stores another session of the tenant that waits and has no supervisor.
    pub(super) async fn queued(&self, number: i64) {
        let turn = NewTurn {
            id: TurnId::generate(),
            prompt: "Hi".to_owned(),
            spec: TurnSpec::default(),
            key: KeyId::new("key"),
            created_at: Timestamp::from_micros(number / 2),
        };
        let (id, tenant) = (SessionId::generate(), self.tenant);
        let new = NewSession { id, tenant, root: "/".into(), relative: "".into(), turn };
        self.store.sessions().create(&new).await.unwrap();
    }

    /// Takes the one place there is.
    pub(super) async fn take_place(&self) -> Slot {
        self.registry.shared().queue.enter(TenantId::generate(), BOUNDS, 0).unwrap().await
    }

    /// Returns when no command is under way, whether or not its caller still waits.
    pub(super) async fn settle(&self) {
        let commands = &self.registry.shared().commands;
        commands.close();
        commands.wait().await;
        commands.reopen();
    }
}
