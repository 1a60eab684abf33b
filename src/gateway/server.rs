//! The gateway's servers: one for each sandbox's socket, for as long as the sandbox lives.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::egress::{self, Egress};
use super::forward::Upstream;
use super::hold::Books;
use super::listener::Sockets;
use super::pace::Pace;
use super::patience::Limits;
use super::prices::Prices;
use super::usable::{UpstreamWatch, Usable};
use super::{GatewayError, agent_telemetry, intake, messages};
use crate::admission::Money;
use crate::config::{EgressConfig, GatewayConfig, RatesConfig, TracesConfig};
use crate::domain::{Clock, Share};
use crate::fair::Parsing;
use crate::lifecycle::Tasks;
use crate::net::BodyClaim;
use crate::sandbox::{Caller, ModelSocket};
use crate::store::Store;

/// How often the model API is looked at while it cannot be used.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The gateway, ready to serve.
#[derive(Debug)]
pub struct Gateway(Arc<Shared>);

/// What the servers of all sandboxes share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where calls go.
    pub(super) upstream: Upstream,
    /// How fast they may come.
    pub(super) pace: Pace,
    /// Where they are accounted for.
    pub(super) books: Arc<Books>,
    /// How long they are waited for.
    pub(super) limits: Limits,
    /// Features of the model API that calls may use beside those that are known.
    pub(super) allowed_betas: Vec<String>,
    /// Whether the provider may search the whole web.
    pub(super) web_search: bool,
    /// What lets sandboxes reach further hosts.
    egress: Arc<egress::Shared>,
    /// What takes what agents tell about themselves, if anything does.
    agent_telemetry: Option<Arc<agent_telemetry::Intake>>,
    /// What bounds the sockets of all sandboxes.
    sockets: Sockets,
    /// Whose large bodies are read.
    pub(super) parsing: Parsing,
    /// The largest body that is read.
    pub(super) max_body_bytes: usize,
    /// Where calls are spawned.
    pub(super) tasks: Tasks,
}

/// The sandbox at the other end of a socket.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// What its calls are made with.
    pub(super) gateway: Arc<Shared>,
    /// Who it is.
    pub(super) caller: Caller,
    /// Cancelled when it is gone.
    pub(super) closed: CancellationToken,
    /// Where what the provider fetches for it is recorded.
    pub(super) egress: Arc<Egress>,
    /// The memory its request bodies may take.
    pub(super) memory: Arc<Semaphore>,
}

impl Gateway {
    /// Prepares the gateway: reads the prices, and the key.
    ///
    /// # Errors
    /// When the prices, the upstream's address or the key cannot be used; the message says what is wrong.
    pub fn new(
        config: &GatewayConfig,
        egress: &EgressConfig,
        rates: RatesConfig,
        traces: &TracesConfig,
        store: Store,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
    ) -> Result<Self, GatewayError> {
        let prices = Prices::load(&config.prices_file)?;
        let limits = Limits::new(
            Duration::from_millis(config.response_timeout_ms),
            Duration::from_millis(config.stream_idle_timeout_ms),
            Duration::from_millis(config.drain_timeout_ms),
            Duration::from_millis(config.reader_timeout_ms),
            tasks.stopping().clone(),
        );
        let share = Share { percent: config.max_tenant_share_percent };
        let money = Money::new(store.clone()).within(Duration::from_millis(config.money_wait_ms), share);
        let web_search = egress.web_search;
        let egress = egress::Shared::new(egress, store.clone(), Arc::clone(&clock), tasks.clone());
        Ok(Self(Arc::new(Shared {
            allowed_betas: config.allowed_betas.clone(),
            web_search,
            egress: Arc::new(egress),
            agent_telemetry: agent_telemetry::Intake::new(traces)?.map(Arc::new),
            upstream: Upstream::new(config, traces.send_upstream)?,
            pace: Pace::new(store, rates),
            books: Arc::new(Books::new(money, clock, prices, tasks.clone())),
            limits,
            sockets: Sockets::new(config),
            parsing: Parsing::new(),
            max_body_bytes: config.max_body_bytes,
            tasks,
        })))
    }

    /// The prices calls are charged, to show them and to load them again.
    pub fn prices(&self) -> Prices {
        self.0.books.prices().clone()
    }

    /// Whether the model API can be used, as far as is known.
    pub fn upstream(&self) -> UpstreamWatch {
        self.0.upstream.watch().clone()
    }

    /// Looks at the model API now, and every while as long as it cannot be used. While it can be used, calls report that.
    pub fn keep_looking(&self) {
        let (gateway, stopping) = (Arc::clone(&self.0), self.0.tasks.stopping().clone());
        self.0.tasks.spawn("model API", async move {
            loop {
                if gateway.upstream.watch().usable() != Usable::Yes {
                    stopping.run_until_cancelled(gateway.upstream.look()).await;
                }
                if stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                    break;
                }
            }
        });
    }

    /// Serves every socket that comes, until none can come any more or the process stops.
    pub async fn serve(self, mut sockets: mpsc::Receiver<ModelSocket>) {
        let stopping = self.0.tasks.stopping().clone();
        loop {
            let socket = tokio::select! {
                () = stopping.cancelled() => return,
                socket = sockets.recv() => socket,
            };
            let Some(socket) = socket else { return };
            let log = socket.caller.log.clone();
            let serving = serve(Arc::clone(&self.0), socket).instrument(log);
            self.0.tasks.spawn("model socket", serving);
        }
    }
}

/// Serves one sandbox: accepts nobody once it is gone. What is under way then is finished by tasks of its own.
async fn serve(gateway: Arc<Shared>, socket: ModelSocket) {
    let ModelSocket { listener, caller, closed } = socket;
    let serving = gateway.sockets.listener(&caller, &gateway.tasks);
    let (log, tenant) = (caller.log.clone(), caller.tenant.as_u128());
    let memory = intake::memory(gateway.max_body_bytes);
    let egress = Egress::new(Arc::clone(&gateway.egress), caller.clone(), closed.clone());
    let telemetry = agent_telemetry::router(gateway.agent_telemetry.as_ref(), &caller);
    let api = telemetry.merge(messages::router(Peer {
        gateway,
        caller,
        closed: closed.clone(),
        egress: Arc::clone(&egress),
        memory,
    }));
    // Each connection is served by a task of its own, which knows nothing of this one.
    let identified = move |request: Request, next: Next| {
        if let Some(claim) = request.extensions().get::<BodyClaim>() {
            claim.charge_to(tenant);
        }
        next.run(request).instrument(log.clone())
    };
    let app = egress::router(egress, api).layer(axum::middleware::from_fn(identified));
    serving.serve(listener, app, closed).await;
}
