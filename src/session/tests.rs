//! Sessions whose supervisor is asked at an awkward moment.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{CancelError, LiveSession, QueueStatus, Registry, Stage};
use crate::admission::Bounds;
use crate::config::Config;
use crate::domain::clock::ManualClock;
use crate::domain::{By, KeyId, SessionId, Tenant, TenantId, TenantLimits, TenantState, Timestamp, TurnId, TurnSpec};
use crate::lifecycle::Tasks;
use crate::sandbox::Maker;
use crate::spawner::Local;
use crate::store::{NewSession, NewTurn, Store};

/// As many places as anybody may want.
const BOUNDS: Bounds = Bounds { running: 9, waiting: 9, waiting_bytes: u64::MAX };

/// Reads of the store that are enough for one that was asked for before to be answered.
const READS: usize = 50;

/// A registry with one place, and a session that waits for it.
struct Fixture {
    store: Store,
    registry: Registry,
    tenant: TenantId,
    session: SessionId,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::load(None).unwrap();
        config.data_dir = directory.path().to_owned();
        config.session.max_running = 1;
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
            roots: Vec::new(),
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
        let new = NewSession { id: session, tenant, root: "/".into(), relative: "".into(), turn };
        store.sessions().create(&new).await.unwrap();
        Self { store, registry, tenant, session, _directory: directory }
    }

    async fn reads(&self) {
        for _ in 0..READS {
            self.store.sessions().find(self.tenant, self.session).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_session_that_gets_its_place_while_its_cancel_is_stored_is_cancelled_all_the_same() {
    let fixture = Fixture::new().await;
    let queue = &fixture.registry.shared().queue;
    let place = queue.enter(TenantId::generate(), BOUNDS, 0).unwrap().await;
    let ticket = queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    fixture.registry.supervise(fixture.tenant, fixture.session, ticket).await.unwrap();
    let writing = fixture.store.begin_for_test().await;
    let cancelled = fixture.registry.cancel(fixture.tenant, fixture.session);
    let meanwhile = async {
        // The supervisor has the request by then, and waits for the connection that writes.
        fixture.reads().await;
        drop(place);
        fixture.reads().await;
        drop(writing);
    };
    let (cancelled, ()) = tokio::join!(cancelled, meanwhile);
    assert!(cancelled.is_ok(), "{cancelled:?}");
    let again = fixture.registry.cancel(fixture.tenant, fixture.session).await;
    assert!(matches!(again, Err(CancelError::NotRunning(_))), "{again:?}");
}

#[tokio::test]
async fn a_session_whose_start_and_cancel_want_to_write_at_once_is_cancelled() {
    let fixture = Fixture::new().await;
    let ticket = fixture.registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    let writing = fixture.store.begin_for_test().await;
    fixture.registry.supervise(fixture.tenant, fixture.session, ticket).await.unwrap();
    // The start stands first in line for the connection that writes, and the cancel behind it.
    fixture.reads().await;
    let cancelled = fixture.registry.cancel(fixture.tenant, fixture.session);
    let meanwhile = async {
        fixture.reads().await;
        drop(writing);
    };
    let (cancelled, ()) = tokio::join!(cancelled, meanwhile);
    assert!(cancelled.is_ok(), "{cancelled:?}");
}

#[tokio::test]
async fn a_session_that_waits_is_listed_and_one_that_is_done_is_not() {
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    let accepted = Timestamp::from_micros(0);
    let nobody = QueueStatus { waiting: 0, oldest: None, taken: 0, capacity: 1 };
    assert_eq!((registry.live(), registry.queue()), (Vec::new(), nobody));
    let place = registry.shared().queue.enter(TenantId::generate(), BOUNDS, 0).unwrap().await;
    let ticket = registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    registry.supervise(fixture.tenant, fixture.session, ticket).await.unwrap();
    let found = registry.live();
    let expected = LiveSession {
        tenant: fixture.tenant,
        session: fixture.session,
        turn: found[0].turn,
        stage: Stage::Queued,
        since: accepted,
        running_since: None,
        resources: None,
        memory_limit_bytes: None,
    };
    assert_eq!(found, [expected]);
    assert_eq!(registry.queue(), QueueStatus { waiting: 1, oldest: Some(accepted), taken: 1, capacity: 1 });
    registry.cancel(fixture.tenant, fixture.session).await.unwrap();
    registry.drained().await;
    drop(place);
    assert_eq!((registry.live(), registry.queue()), (Vec::new(), nobody));
}
