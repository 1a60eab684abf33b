//! A gateway between a sandbox's client and a model: all but the model is real.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::pending;
use http::Method;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::wire::{KEY, PLACEHOLDER, Told};
use crate::cli::stand_in::StandIn;
use crate::config::{Config, EgressConfig, GatewayConfig, RatesConfig, TracesConfig};
use crate::domain::clock::ManualClock;
use crate::domain::{
    By, KeyId, Rate, Secret, SessionId, Tenant, TenantId, TenantLimits, TenantRoot, TenantState, Timestamp, TurnId,
    TurnSpec, Usd,
};
use crate::gateway::{Gateway, Prices, UpstreamWatch};
use crate::lifecycle::Tasks;
use crate::sandbox::{Activity, Caller, ModelSocket};
use crate::store::{LedgerEntry, NewSession, NewTurn, Store};
use crate::telemetry::TraceContext;

/// How often the ledger is looked at before a call counts as never settled.
const LOOKS: usize = 20_000;

/// How long a test may hang before it fails.
const HANGS: Duration = Duration::from_mins(1);

/// A gateway and one of its sandboxes, the ledger it writes, and the model behind it.
#[derive(Clone)]
pub(super) struct House {
    /// The model, unless the test's configuration names another.
    pub(super) stand_in: StandIn,
    /// Where calls are accounted for.
    pub(super) store: Store,
    /// What calls are charged.
    pub(super) prices: Prices,
    /// What is known of the model.
    pub(super) upstream: UpstreamWatch,
    /// Who the sandbox is.
    pub(super) caller: Caller,
    /// What the gateway runs.
    pub(super) tasks: Tasks,
    /// Cancelled when the sandbox is gone.
    pub(super) closed: CancellationToken,
    sandbox: reqwest::Client,
    sockets: mpsc::Sender<ModelSocket>,
    directory: Arc<TempDir>,
}

impl House {
    /// A gateway before the stand-in, patient enough for any test.
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A gateway before the model at `upstream_url`.
    pub(super) async fn before(upstream_url: &str) -> Self {
        Self::with(|config| upstream_url.clone_into(&mut config.upstream_url)).await
    }

    /// A gateway whose settings are changed by `change`.
    pub(super) async fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::made(change, &EgressConfig::test(), &[], None).await
    }

    /// A gateway whose sandbox may reach `hosts`, by these settings of egress.
    pub(super) async fn granting(hosts: &[&str], egress: &EgressConfig) -> Self {
        Self::made(|_| {}, egress, hosts, None).await
    }

    /// A gateway by these settings of traces, whose sandbox may tell about its agent.
    pub(super) async fn telling(traces: &TracesConfig) -> Self {
        Self::made(|_| {}, &EgressConfig::test(), &[], Some(traces)).await
    }

    async fn made(
        change: impl FnOnce(&mut GatewayConfig),
        egress: &EgressConfig,
        hosts: &[&str],
        telling: Option<&TracesConfig>,
    ) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::open(&database(&directory)).await.unwrap();
        let (stand_in, upstream_url) = stand_in().await;
        let mut config = GatewayConfig {
            upstream_url,
            api_key: Secret::new(KEY),
            prices_file: PathBuf::new(),
            response_timeout_ms: 60_000,
            stream_idle_timeout_ms: 60_000,
            drain_timeout_ms: 60_000,
            reader_timeout_ms: 60_000,
            money_wait_ms: 540_000,
            max_tenant_share_percent: 50,
            max_body_bytes: 1024 * 1024,
            body_memory_bytes: 1 << 26,
            allowed_betas: Vec::new(),
        };
        change(&mut config);
        let (tasks, clock) = (Tasks::new(), Arc::new(ManualClock::at(Timestamp::from_micros(1))));
        let rates = any_rate();
        let traces = telling.unwrap_or(&Config::load(None).unwrap().traces).clone();
        let gateway = Gateway::new(&config, egress, rates, &traces, store.clone(), clock, tasks.clone()).unwrap();
        let (prices, upstream, (sockets, receiver)) = (gateway.prices(), gateway.upstream(), mpsc::channel(1));
        tasks.spawn("gateway", gateway.serve(receiver));
        let granted = hosts.iter().map(|host| host.parse().unwrap()).collect();
        let agent_telemetry = telling.is_some();
        let caller = Caller { egress: granted, agent_telemetry, ..caller(&store, "acme").await };
        let (sandbox, closed) = sandbox(&caller, &sockets, &directory).await;
        Self { stand_in, store, prices, upstream, caller, tasks, closed, sandbox, sockets, directory }
    }

    /// Another tenant's sandbox at the same gateway.
    pub(super) async fn neighbour(&self) -> Self {
        let caller = caller(&self.store, "other").await;
        let (sandbox, closed) = sandbox(&caller, &self.sockets, &self.directory).await;
        Self { caller, closed, sandbox, ..self.clone() }
    }

    /// The sandbox's socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join(self.caller.session.to_string())
    }

    /// The file the ledger is kept in.
    pub(super) fn database(&self) -> PathBuf {
        database(&self.directory)
    }

    /// A request of the sandbox.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.sandbox.request(method, format!("http://model{path}")).header("x-api-key", PLACEHOLDER)
    }

    /// Calls the model with `body` as it is.
    pub(super) fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, "/v1/messages").header("content-type", "application/json").body(body)
    }

    /// Calls the model, and answers what has begun to come back.
    pub(super) async fn call(&self, body: &Value) -> Response {
        self.post(body.to_string()).send().await.unwrap()
    }

    /// Calls the model, and answers all that came back.
    pub(super) async fn told(&self, body: &Value) -> Told {
        Told::of(self.call(body).await).await
    }

    /// The ledger as it stands at this moment.
    pub(super) async fn rows(&self) -> Vec<LedgerEntry> {
        self.store.ledger().list(self.caller.tenant, self.caller.session).await.unwrap()
    }

    /// The ledger's only row as it stands at this moment.
    pub(super) async fn row(&self) -> LedgerEntry {
        let mut rows = self.rows().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// The ledger's only row, once it is settled.
    pub(super) async fn settled(&self) -> LedgerEntry {
        for _ in 0..LOOKS {
            if let Some(row) = self.rows().await.into_iter().find(|row| row.status != "open") {
                return row;
            }
            tokio::task::yield_now().await;
        }
        panic!("the call is never settled: {:?}", self.rows().await);
    }

    /// What the sandbox's turn has cost.
    pub(super) async fn turn_cost(&self) -> Usd {
        let found = self.store.sessions().find(self.caller.tenant, self.caller.session).await.unwrap();
        found.unwrap().turn.cost
    }

    /// Ends the process, as far as it is the gateway's.
    pub(super) async fn stop(&self) {
        tokio::time::timeout(HANGS, self.tasks.stop()).await.expect("the gateway's tasks never end");
    }
}

fn database(directory: &TempDir) -> PathBuf {
    directory.path().join("test.db")
}

/// The tenant `name` with a session and its first turn.
async fn caller(store: &Store, name: &str) -> Caller {
    let now = Timestamp::from_micros(1);
    let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
    let roots = vec![TenantRoot::new("/srv").unwrap()];
    store
        .tenants()
        .create(
            &Tenant {
                id: tenant,
                name: name.to_owned(),
                roots,
                limits: TenantLimits::default(),
                state: TenantState::Active,
                created_at: now,
            },
            &By::test(),
        )
        .await
        .unwrap();
    let first = NewTurn {
        id: turn,
        prompt: "Hi".to_owned(),
        spec: TurnSpec::default(),
        key: KeyId::new("key"),
        created_at: now,
    };
    let new = NewSession { id: session, tenant, root: "/srv".into(), relative: "".into(), turn: first };
    store.sessions().create(&new).await.unwrap();
    let (activity, egress, trace) = (Activity::new(), Arc::default(), TraceContext::default());
    Caller { tenant, session, turn, activity, egress, agent_telemetry: false, trace, log: tracing::Span::none() }
}

/// The sandbox of `caller`: its client, and what to cancel when it is gone.
async fn sandbox(
    caller: &Caller,
    sockets: &mpsc::Sender<ModelSocket>,
    directory: &TempDir,
) -> (reqwest::Client, CancellationToken) {
    let (path, closed) = (directory.path().join(caller.session.to_string()), CancellationToken::new());
    let listener = UnixListener::bind(&path).unwrap();
    sockets.send(ModelSocket { listener, caller: caller.clone(), closed: closed.clone() }).await.unwrap();
    let client = reqwest::Client::builder().unix_socket(path).redirect(Policy::none()).timeout(HANGS).no_proxy();
    (client.build().unwrap(), closed)
}

/// Rates no test comes near to that does not ask for others.
fn any_rate() -> RatesConfig {
    let any = Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::new(1_000_000).unwrap() };
    RatesConfig { read: any, write: any, create: any, admin: any, session_messages: any, tenant_messages: any }
}

/// A stand-in, and where it is served.
async fn stand_in() -> (StandIn, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stand_in = StandIn::new();
    let served = stand_in.clone();
    Tasks::new().spawn("stand-in", async move { served.serve(listener, pending()).await.unwrap() });
    (stand_in, url)
}
