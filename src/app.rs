//! The wiring: every part is made from its own settings and given what it needs, then the listeners open.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{Findings, Retention};
use crate::api::auth::{Gate, Tokens, Verifier, ensure_operator_key};
use crate::api::{self, ApiState};
use crate::config::{Config, HttpConfig};
use crate::domain::{Action, By, Clock, PlainKey, SystemClock, Who};
use crate::drill::{self, Drill};
use crate::engine::docker::Docker;
use crate::engine::{Engine, EngineError, TimeLimits};
use crate::fair::Parsing;
use crate::gateway::{Gateway, Prices, Reloaded};
use crate::instance::{Lock, Place};
use crate::lifecycle::Tasks;
use crate::metrics;
use crate::metrics::catalogue::RUNTIME_LAG;
use crate::net::{self, BodyMemory, DescriptorBudget, Limits, Listener, Pool};
use crate::sandbox::Maker;
use crate::session::Registry;
use crate::spawner::{CallLimits, Local, Measured, Policy, Remote, RootKeeper, Spawner};
use crate::store::{Store, StoreError};

/// How often room is made in the metrics.
const METRICS_KEPT_EVERY: Duration = Duration::from_secs(5);

/// How often the runtime is looked at.
const LAG_NOTED_EVERY: Duration = Duration::from_millis(100);

/// Any failure to start, said for people.
pub type StartupError = Box<dyn std::error::Error + Send + Sync>;

/// A server that listens.
#[derive(Debug)]
pub struct App {
    /// Where tenants reach it.
    pub public: SocketAddr,
    /// Where operators reach it.
    pub operator: SocketAddr,
    /// The operators' key, when this start made it.
    pub operator_key: Option<PlainKey>,
    config: Arc<Config>,
    tasks: Tasks,
    sessions: Registry,
    store: Store,
    /// Held to the end of the process: no other server uses the data directory meanwhile.
    _lock: Lock,
}

impl App {
    /// Makes every part and opens the listeners. The data directory is locked first, the ports are bound second, and only
    /// then is anything touched that a running server could depend on: sandboxes, turns and open calls.
    ///
    /// # Errors
    /// When a part cannot be made; the message says what to do.
    pub async fn start(config: Config) -> Result<Self, StartupError> {
        let config = with_data_dir(config)?;
        let lock = Lock::of_directory(&config.data_dir, "data_dir")?;
        let config = Arc::new(config);
        let public_port = bind(config.http.listen).await?;
        let operator_port = bind(config.http.operator_listen).await?;
        info!(open_files = net::raise_limit()?, budget = ?DescriptorBudget::current(), "the limit on open files");
        metrics::install()?;
        metrics::bound_tenants(config.metrics.max_tenants);
        let (tasks, clock) = (Tasks::new(), Arc::new(SystemClock) as Arc<dyn Clock>);
        let store = open_store(&config).await?;
        let installation = claim_installation(&config, &store, clock.as_ref()).await?;

        let spawner = spawner(&config, &installation, &tasks).await?;
        spawner.find_image(None).await?;
        check_runtimes(&*spawner, &config, &store).await?;
        info!(engine = spawner.describe().await?, mode = mode(&config), "the engine is there");

        let roots: Arc<dyn RootKeeper> = spawner.clone();
        let (model_sockets, sockets) = mpsc::channel(64);
        let gateway = Gateway::new(
            &config.gateway,
            &config.egress,
            config.rates,
            &config.traces,
            store.clone(),
            Arc::clone(&clock),
            tasks.clone(),
        )?;
        let (prices, upstream) = (gateway.prices(), gateway.upstream());
        gateway.keep_looking();
        reload_when_told(&tasks, prices.clone(), store.clone(), Arc::clone(&clock))?;
        tasks.spawn("gateway", gateway.serve(sockets));
        tasks.spawn("metrics", keep_metrics(tasks.stopping().clone()));
        tasks.spawn("runtime lag", note_lag(tasks.stopping().clone()));
        let maker = Maker::new(spawner, Arc::clone(&config), tasks.clone(), model_sockets);
        let sessions = Registry::new(store.clone(), Arc::clone(&clock), Arc::clone(&config), tasks.clone(), maker);
        sessions.reconcile().await?;
        Retention::new(&store, &config, &sessions, &clock).keep(&tasks);

        let (gate, operator_key) = gate(&config, &store, &clock, &tasks).await?;
        let drill_clock = Arc::clone(&clock);
        let findings = Findings::new(&store, &config, &sessions, (&prices, upstream), &clock);
        findings.keep(&tasks);
        let state = ApiState {
            config: Arc::clone(&config),
            clock,
            store: store.clone(),
            gate,
            prices,
            sessions: sessions.clone(),
            findings,
            drift: Arc::default(),
            roots,
            parsing: Parsing::new(),
        };
        let public = listen(tenants_listener(&config.http, &tasks), public_port, api::public(state.clone()))?;
        let operator = listen(operators_listener(&config.http, &tasks), operator_port, api::operator(state))?;
        drill_at_start(&config, &installation, drill_clock, &tasks).await?;
        Ok(Self { public, operator, operator_key, config, tasks, sessions, store, _lock: lock })
    }

    /// Serves until the process is told to end. Answers whether it ended well.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub async fn run(self) -> std::io::Result<bool> {
        let grace = Duration::from_millis(self.config.http.shutdown_grace_ms);
        let sessions = self.sessions.clone();
        let draining = self.tasks.draining().clone();
        let drained = async move {
            draining.cancelled().await;
            sessions.drained().await;
        };
        let ended_well = self.tasks.run_until_ended(grace, drained).await?;
        self.store.close().await;
        Ok(ended_well)
    }
}

/// Creates the data directory, which nobody else may look into.
fn with_data_dir(mut config: Config) -> Result<Config, StartupError> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|error| format!("cannot make data_dir `{}`: {error}", config.data_dir.display()))?;
    std::fs::set_permissions(&config.data_dir, std::fs::Permissions::from_mode(0o700))?;
    config.data_dir = config.data_dir.canonicalize()?;
    Ok(config)
}

/// Connects to the engine the settings name.
///
/// # Errors
/// When none answers there.
pub async fn connect_engine(config: &Config) -> Result<Arc<dyn Engine>, EngineError> {
    let endpoint = Some(config.engine.endpoint.as_str()).filter(|endpoint| !endpoint.is_empty());
    Ok(Arc::new(Docker::connect(endpoint, time_limits(config)).await?))
}

/// How long the engine may take, as it is set.
fn time_limits(config: &Config) -> TimeLimits {
    let engine = &config.engine;
    let limit = |ms: NonZeroU64| Duration::from_millis(ms.get());
    TimeLimits {
        inspect: limit(engine.inspect_timeout_ms),
        list: limit(engine.list_timeout_ms),
        create: limit(engine.create_timeout_ms),
        start: limit(engine.start_timeout_ms),
        kill: limit(engine.kill_timeout_ms),
        remove: limit(engine.remove_timeout_ms),
    }
}

/// Opens the store, and notes whom the metrics count for.
async fn open_store(config: &Config) -> Result<Store, StoreError> {
    let store = Store::open(&config.database_path()).await?;
    write_anew_if_old(&store).await;
    metrics::know_tenants(store.tenants().list_ever().await?.iter().map(|tenant| tenant.id));
    Ok(store)
}

/// Who lets requests in, and the operators' key if this makes it.
async fn gate(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    tasks: &Tasks,
) -> Result<(Arc<Gate>, Option<PlainKey>), StartupError> {
    let keys = Arc::new(Verifier::new(store.clone(), Arc::clone(clock), &config.auth, tasks));
    let operator_key = ensure_operator_key(store, clock.as_ref(), keys.hasher()).await?;
    Arc::clone(&keys).keep(tasks).await?;
    let secret = config.tokens_path();
    let tokens = Tokens::open(&secret).map_err(|error| format!("cannot use `{}`: {error}", secret.display()))?;
    Ok((Arc::new(Gate::new(config, keys, tokens, Arc::clone(clock))?), operator_key))
}

/// Lets a database of an earlier innkeeper give its space back from now on. One that cannot is used as it is.
async fn write_anew_if_old(store: &Store) {
    match store.write_anew_if_old().await {
        Ok(false) => {}
        Ok(true) => info!("the database was written anew: from now on it gives the space of what is deleted back"),
        Err(error) => warn!(error = &error as &dyn std::error::Error, "the database cannot be written anew"),
    }
}

/// The name on this server's sandboxes: a new one when the data directory is a copy of another's.
async fn claim_installation(config: &Config, store: &Store, clock: &dyn Clock) -> Result<String, StartupError> {
    let place = Place::of(&config.data_dir)?;
    let by = By { who: Who::Server, from: None, at: clock.now() };
    let claimed = store.claim_installation(&place.to_json(), |recorded| place.is_same_as(recorded), &by).await?;
    if let Some(original) = claimed.copied_from {
        warn!(
            installation = claimed.id,
            original,
            "data_dir is a copy or was moved to another filesystem: it is an installation of its own now, and sandboxes of \
             the original are left alone (list them: docker ps --all --filter label=innkeeper.installation=ORIGINAL)"
        );
    }
    Ok(claimed.id)
}

/// Who makes this server's sandboxes: this process, or the spawner's, which serves one server at a time.
async fn spawner(config: &Arc<Config>, installation: &str, tasks: &Tasks) -> Result<Arc<dyn Spawner>, StartupError> {
    let socket = &config.spawner.socket;
    if socket.as_os_str().is_empty() {
        return Ok(Arc::new(Measured::new(embedded(config, installation).await?, CallLimits::of(config))));
    }
    let remote = Remote::new(socket.clone());
    let claim = remote.claim().await?;
    let (claiming, stopping) = (remote.clone(), tasks.stopping().clone());
    tasks.spawn("spawner claim", async move {
        stopping.run_until_cancelled(claiming.keep_claim(claim)).await;
    });
    Ok(Arc::new(Measured::new(remote, CallLimits::of(config))))
}

/// A spawner in this process.
///
/// # Errors
/// When the engine does not answer.
pub async fn embedded(config: &Arc<Config>, installation: &str) -> Result<Local, EngineError> {
    let engine = connect_engine(config).await?;
    Ok(Local::new(engine, Arc::clone(config), Policy::Embedded, installation, config.sandboxes_dir()))
}

/// Begins the drill in the background, where one is to be held at the start and this process holds the engine; where the
/// spawner does, it is asked what its own drill found.
async fn drill_at_start(
    config: &Arc<Config>,
    installation: &str,
    clock: Arc<dyn Clock>,
    tasks: &Tasks,
) -> Result<(), StartupError> {
    let socket = &config.spawner.socket;
    if !socket.as_os_str().is_empty() {
        let (spawner, stopping) = (Remote::new(socket.clone()), tasks.stopping().clone());
        tasks.spawn("drill", async move {
            stopping.run_until_cancelled(drill::learn(&spawner)).await;
        });
    } else if config.drill.at_start {
        let local = Arc::new(embedded(config, installation).await?);
        let (settings, spawning) = (Arc::clone(config), tasks.clone());
        tasks.spawn("drill", async move {
            drill::at_start(Drill::new(local, &settings, clock, spawning), &settings).await;
        });
    }
    Ok(())
}

/// Who holds the engine, for people.
fn mode(config: &Config) -> &'static str {
    if config.spawner.socket.as_os_str().is_empty() {
        "embedded: this process holds both the engine and the network"
    } else {
        "split: the spawner holds the engine, this process the network"
    }
}

/// Checks that the engine has the runtime of the installation, and tells of tenants whose runtime it does not have: their
/// sessions do not start.
async fn check_runtimes(spawner: &dyn Spawner, config: &Config, store: &Store) -> Result<(), StartupError> {
    if !config.engine.runtime.is_empty() {
        spawner.check_runtime(&config.engine.runtime).await.map_err(|error| format!("engine.runtime: {error}"))?;
    }
    for tenant in store.tenants().list().await? {
        if let Some(runtime) = &tenant.limits.runtime
            && let Err(error) = spawner.check_runtime(runtime).await
        {
            let error = &error as &dyn std::error::Error;
            warn!(tenant = %tenant.id, name = tenant.name, error, "the sessions of a tenant cannot start");
        }
    }
    Ok(())
}

/// Reads the prices again whenever the process gets SIGHUP, which then does not end it.
fn reload_when_told(tasks: &Tasks, prices: Prices, store: Store, clock: Arc<dyn Clock>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let stopping = tasks.stopping().clone();
    tasks.spawn("price reload", async move {
        while let Some(Some(())) = stopping.run_until_cancelled(hangup.recv()).await {
            info!("SIGHUP: reading the prices again");
            let reading = prices.clone();
            let read = tokio::task::spawn_blocking(move || reading.reload(false)).await;
            match read.expect("reading prices never panics") {
                Ok(Reloaded { old, new }) => {
                    let by = By { who: Who::Server, from: None, at: clock.now() };
                    let after = json!({ "version": new, "before": old, "force": false });
                    if let Err(error) = store.audit().note(Action::ReloadPrices, &new, after, &by).await {
                        error!(error = &error as &dyn std::error::Error, "that prices were read is not in the audit");
                    }
                }
                Err(error) => error!(
                    error = &error as &dyn std::error::Error,
                    version = prices.version(),
                    "the new prices cannot be used; those in force stay"
                ),
            }
        }
    });
    Ok(())
}

/// Makes room in the metrics every few seconds, whether anybody reads them or not.
async fn keep_metrics(stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(METRICS_KEPT_EVERY)).await.is_some() {
        metrics::keep_up();
    }
}

/// Notes how late a timer comes that ought to come every tenth of a second: what every task waits beside its own work.
async fn note_lag(stopping: CancellationToken) {
    let mut due = Instant::now() + LAG_NOTED_EVERY;
    while stopping.run_until_cancelled(tokio::time::sleep_until(due)).await.is_some() {
        RUNTIME_LAG.took([], due.elapsed());
        due = Instant::now() + LAG_NOTED_EVERY;
    }
}

/// Takes a port. Who connects from now on waits until the listener serves.
async fn bind(address: SocketAddr) -> Result<TcpListener, StartupError> {
    let bound = net::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; http.listen and http.operator_listen choose others")
    });
    Ok(bound?)
}

/// The listener of tenants.
fn tenants_listener(http: &HttpConfig, tasks: &Tasks) -> Listener {
    Listener {
        name: "public",
        limits: limits(http),
        pool: Pool::new(http.max_connections.min(DescriptorBudget::current().public)),
        max_per_address: Some(http.max_connections_per_address),
        shared_addresses: http.trusted_proxies.clone(),
        shares: Vec::new(),
        memory: Some(BodyMemory::new(http.body_memory_bytes, http.max_body_bytes)),
        tasks: tasks.clone(),
    }
}

/// The listener of operators, with places and memory of its own, so that tenants cannot take them.
fn operators_listener(http: &HttpConfig, tasks: &Tasks) -> Listener {
    Listener {
        name: "operator",
        limits: limits(http),
        pool: Pool::new(DescriptorBudget::current().operator),
        max_per_address: None,
        shared_addresses: Vec::new(),
        shares: Vec::new(),
        memory: Some(BodyMemory::new(http.max_body_bytes, http.max_body_bytes)),
        tasks: tasks.clone(),
    }
}

fn limits(http: &HttpConfig) -> Limits {
    Limits {
        head: Duration::from_millis(http.head_timeout_ms),
        idle: Duration::from_millis(http.idle_timeout_ms),
        body: Duration::from_millis(http.body_timeout_ms),
        min_body_bytes_per_second: http.min_body_bytes_per_second,
        write: Duration::from_millis(http.write_timeout_ms),
        discard_bytes: http.max_body_bytes as u64,
    }
}

/// Serves a bound port, and returns its address.
fn listen(listener: Listener, port: TcpListener, router: axum::Router) -> Result<SocketAddr, StartupError> {
    let bound = port.local_addr()?;
    let (tasks, closing) = (listener.tasks.clone(), listener.tasks.stopping().clone());
    tasks.spawn("listener", listener.serve(port, router, closing));
    Ok(bound)
}
