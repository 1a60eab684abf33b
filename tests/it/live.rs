//! What is known of live sessions while they live: real sandboxes, asked for nothing but what their shims say.

use std::collections::BTreeMap;
use std::os::unix::fs::chown;
use std::sync::Arc;

use innkeeper::app;
use innkeeper::config::Config;
use innkeeper::domain::{
    By, KeyId, SessionId, SessionLimits, SystemClock, Tenant, TenantId, TenantLimits, TenantRoot, TenantState,
    Timestamp, TurnId, TurnSpec, Who,
};
use innkeeper::lifecycle::Tasks;
use innkeeper::sandbox::{Activity, Caller, Maker, ModelSocket, Wish};
use innkeeper::session::{LiveSession, Registry, Stage};
use innkeeper::spawner::WorkspacePath;
use innkeeper::store::Store;
use innkeeper::telemetry::TraceContext;
use innkeeper_shim::protocol::Start;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::harness::eventually;
use crate::machine::{remove_sandboxes, sandbox_image};

/// Who owns the workspaces.
const USER: u32 = 20_417;

/// What the agent's place is taken by: it holds 200 MB until its input ends.
const HOLDS_MEMORY: &str = "import sys; held = b'x' * (200 << 20); sys.stdin.read()";

/// The inside of a server whose model never answers.
struct Inside {
    config: Arc<Config>,
    tasks: Tasks,
    maker: Maker,
    installation: String,
    root: TempDir,
    _data: TempDir,
    /// Kept so that the sandboxes have somebody to wait for.
    _models: mpsc::Receiver<ModelSocket>,
}

impl Inside {
    async fn new() -> Self {
        let (data, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        chown(root.path(), Some(USER), Some(USER)).unwrap();
        let mut config = Config::load(None).unwrap();
        config.data_dir = data.path().to_owned();
        config.engine.image = sandbox_image();
        config.session.max_running = 1;
        let (config, tasks) = (Arc::new(config), Tasks::new());
        let installation = format!("live-{}", SessionId::generate());
        let spawner = Arc::new(app::embedded(&config, &installation).await.unwrap());
        let (sockets, models) = mpsc::channel(8);
        let maker = Maker::new(spawner, Arc::clone(&config), tasks.clone(), sockets);
        Self { config, tasks, maker, installation, root, _data: data, _models: models }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        remove_sandboxes(&self.installation);
    }
}

#[tokio::test]
async fn what_a_sandbox_uses_is_known_while_it_lives() {
    let inside = Inside::new().await;
    let caller = Caller {
        tenant: TenantId::generate(),
        session: SessionId::generate(),
        turn: TurnId::generate(),
        activity: Activity::new(),
        egress: Arc::default(),
        agent_telemetry: false,
        trace: TraceContext::default(),
        log: tracing::Span::none(),
    };
    let wish = Wish {
        epoch: 1,
        workspace: WorkspacePath { root: inside.root.path().to_owned(), relative: "".into() },
        image: None,
        runtime: None,
        limits: SessionLimits { memory_bytes: Some(512 << 20), ..SessionLimits::default() },
        survey: false,
    };
    let sandbox = inside.maker.open(caller, wish).await.unwrap();
    assert_eq!(sandbox.resources.memory_limit_bytes(), 512 << 20);
    let argv = ["/usr/bin/python3", "-c", HOLDS_MEMORY].map(str::to_owned).to_vec();
    sandbox.link.start(&[], Start { argv, env: BTreeMap::new(), cwd: "/workspace".to_owned() });
    let used = eventually(async || {
        sandbox.resources.get().filter(|used| used.memory_bytes.is_some_and(|bytes| bytes > 200 << 20))
    })
    .await;
    assert!(used.memory_bytes.is_some_and(|bytes| bytes < 300 << 20), "{used:?}");
    assert!(used.pids.is_some_and(|pids| (2..20).contains(&pids)), "the shim and the script: {used:?}");
    assert!(used.cpu_micros.is_some_and(|micros| micros > 10_000), "{used:?}");
    sandbox.link.close_input();
    sandbox.close().await;
}

#[tokio::test]
async fn a_session_is_listed_from_its_place_in_the_queue_to_the_end_of_its_sandbox() {
    let inside = Inside::new().await;
    let store = Store::open(&inside.config.database_path()).await.unwrap();
    let registry = Registry::new(
        store.clone(),
        Arc::new(SystemClock),
        Arc::clone(&inside.config),
        inside.tasks.clone(),
        inside.maker.clone(),
    );
    let tenant = Tenant {
        id: TenantId::generate(),
        name: "acme".to_owned(),
        roots: vec![TenantRoot::new(inside.root.path()).unwrap()],
        limits: TenantLimits::default(),
        state: TenantState::Active,
        created_at: Timestamp::from_micros(0),
    };
    let at = Timestamp::from_micros(0);
    store.tenants().create(&tenant, &By { who: Who::Server, from: None, at }).await.unwrap();
    let begin = async || {
        let key = KeyId::new("key");
        registry.start(&tenant, &key, None, "Hi".to_owned(), TurnSpec::default()).await.unwrap().0
    };
    let find = |id: SessionId| registry.live().into_iter().find(|live| live.session == id);

    let first = begin().await;
    let listed = find(first).expect("it is listed at once");
    assert_eq!((listed.tenant, listed.running_since, listed.resources), (tenant.id, None, None));
    let second = begin().await;
    let working =
        eventually(async || find(first).filter(|live| live.stage == Stage::Running && uses_memory(live))).await;
    assert!(working.running_since.is_some_and(|running| running > working.since), "{working:?}");
    let limit = u64::try_from(inside.config.sandbox.memory_bytes).unwrap();
    assert_eq!(working.memory_limit_bytes, Some(limit));

    let waiting = find(second).unwrap();
    assert_eq!((waiting.stage, waiting.memory_limit_bytes), (Stage::Queued, None));
    let queue = registry.queue();
    assert_eq!((queue.waiting, queue.oldest), (1, Some(waiting.since)));
    assert_eq!((queue.taken, queue.capacity), (1, 1));

    registry.cancel(tenant.id, second).await.unwrap();
    registry.cancel(tenant.id, first).await.unwrap();
    assert!(find(first).is_none_or(|live| live.stage == Stage::Stopping));
    registry.drained().await;
    assert_eq!(registry.live(), []);
    assert_eq!((registry.queue().waiting, registry.queue().taken), (0, 0));
}

/// Whether more is known to run in its sandbox than the shim.
fn uses_memory(live: &LiveSession) -> bool {
    live.resources.and_then(|used| used.memory_bytes).is_some_and(|bytes| bytes > 50 << 20)
}
