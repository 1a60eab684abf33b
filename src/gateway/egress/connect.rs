//! One request to be connected, from the name asked for to the end of the connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use innkeeper_shim::contract::MAX_EGRESS_CONNECTIONS;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::reason::{Ended, Refused};
use super::records::{Records, Tally};
use super::resolver::Resolver;
use super::tunnel::{Allowance, Flow};
use super::{addresses, hello};
use crate::config::EgressConfig;
use crate::domain::{Clock, EgressHost};
use crate::lifecycle::Tasks;
use crate::metrics::catalogue::{EGRESS_REQUESTS, SANDBOX_VIOLATIONS};
use crate::sandbox::Caller;
use crate::store::Store;

/// No connection lasts longer, whatever the settings say.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// What the egress of all sandboxes shares.
#[derive(Debug)]
pub(in crate::gateway) struct Shared {
    config: EgressConfig,
    resolver: Resolver,
    store: Store,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
}

/// The egress of one sandbox.
#[derive(Debug)]
pub(in crate::gateway) struct Egress {
    shared: Arc<Shared>,
    policy: Arc<[EgressHost]>,
    places: Arc<Semaphore>,
    allowance: Allowance,
    pub(super) records: Arc<Records>,
    closed: CancellationToken,
}

/// A connection that is made and waits for the sandbox's first word.
pub(super) struct Connected {
    egress: Arc<Egress>,
    host: String,
    port: u16,
    asked_at: Instant,
    _place: OwnedSemaphorePermit,
}

impl Shared {
    /// What the settings say.
    pub(in crate::gateway) fn new(config: &EgressConfig, store: Store, clock: Arc<dyn Clock>, tasks: Tasks) -> Self {
        Self { resolver: Resolver::new(&config.extra_hosts), config: config.clone(), store, clock, tasks }
    }
}

impl Egress {
    /// The egress of the sandbox of `caller`, which is gone when `closed` is cancelled.
    pub(in crate::gateway) fn new(shared: Arc<Shared>, caller: Caller, closed: CancellationToken) -> Arc<Self> {
        let policy = Arc::clone(&caller.egress);
        let Shared { store, clock, tasks, .. } = &*shared;
        let records = Records::new(store.clone(), Arc::clone(clock), tasks.clone(), caller, closed.clone());
        let places = Arc::new(Semaphore::new(shared.config.max_connections.min(MAX_EGRESS_CONNECTIONS)));
        let allowance = Allowance::new(shared.config.max_bytes);
        Arc::new(Self { shared, policy, places, allowance, records, closed })
    }

    /// What the sandbox may reach.
    pub(super) fn policy(&self) -> &[EgressHost] {
        &self.policy
    }

    /// Notes that something was refused, and answers why.
    pub(super) fn refuse(&self, host: &str, port: u16, refused: Refused, asked_at: Instant) -> Refused {
        EGRESS_REQUESTS.one([refused.as_str()]);
        SANDBOX_VIOLATIONS.one(["egress"]);
        debug!(host, port, reason = refused.as_str(), "a sandbox is refused a host");
        self.records.refused(host, port, refused, millis_since(asked_at));
        refused
    }

    /// Records that the provider was to reach a host for the sandbox that is not granted.
    pub(in crate::gateway) fn provider_refused(&self, host: &str, port: u16) {
        self.refuse(host, port, Refused::NotGranted, Instant::now());
    }

    /// Records that the provider reaches a granted host for the sandbox. What goes to and fro is not known.
    pub(in crate::gateway) fn provider_fetches(&self, host: &str, port: u16) {
        EGRESS_REQUESTS.one(["allowed"]);
        self.records.ended(host, port, Ended::ByProvider, Tally { count: 1, ..Tally::default() });
    }

    /// Connects to what is `asked` for, once the policy and the addresses are found to allow it.
    ///
    /// # Errors
    /// Why not; it is noted.
    pub(super) async fn connect(self: &Arc<Self>, asked: &str) -> Result<(Connected, TcpStream), Refused> {
        let asked_at = Instant::now();
        let Some((host, port)) = EgressHost::target(asked) else {
            return Err(self.refuse(asked, 0, Refused::BadTarget, asked_at));
        };
        let stopping = self.shared.tasks.stopping();
        let connected = tokio::select! {
            connected = self.reach(&host, port) => connected,
            () = self.closed.cancelled() => Err(Refused::Ending),
            () = stopping.cancelled() => Err(Refused::Ending),
        };
        match connected {
            Ok((stream, place)) => {
                Ok((Connected { egress: Arc::clone(self), host, port, asked_at, _place: place }, stream))
            }
            Err(refused) => Err(self.refuse(&host, port, refused, asked_at)),
        }
    }

    async fn reach(&self, host: &str, port: u16) -> Result<(TcpStream, OwnedSemaphorePermit), Refused> {
        if !self.policy.iter().any(|granted| granted.admits(host, port)) {
            return Err(Refused::NotGranted);
        }
        if self.allowance.is_used_up() {
            return Err(Refused::BytesUsedUp);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::TooManyConnections)?;
        let stream = timeout(self.patience(), self.dial(host, port)).await.map_err(|_| Refused::Unreachable)??;
        Ok((stream, place))
    }

    /// The name is resolved once, and what is connected to is an address that was looked at: another answer to the same
    /// question changes nothing.
    async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, Refused> {
        let found = self.shared.resolver.resolve(host).await.map_err(|_| Refused::UnknownHost)?;
        let is_known = !found.is_empty();
        let private = &self.shared.config.allowed_private;
        let permitted: Vec<_> =
            found.into_iter().filter(|address| addresses::is_permitted(*address, private)).collect();
        if permitted.is_empty() {
            return Err(if is_known { Refused::ForbiddenAddress } else { Refused::UnknownHost });
        }
        // One that swallows what is sent to it leaves the others their share of the time.
        let share = self.patience() / u32::try_from(permitted.len()).unwrap_or(u32::MAX);
        for address in permitted {
            match timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => info!(%error, host, port, "a granted host cannot be reached"),
                Err(_) => info!(host, port, "a granted host does not answer"),
            }
        }
        Err(Refused::Unreachable)
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.shared.config.connect_timeout_ms).min(LONGEST)
    }
}

impl Connected {
    /// Carries the connection to its end, as a task of its own.
    pub(super) fn spawn(self, upgrade: OnUpgrade, stream: TcpStream) {
        let tasks = self.egress.shared.tasks.clone();
        tasks.spawn("egress", self.run(upgrade, stream));
    }

    async fn run(self, upgrade: OnUpgrade, stream: TcpStream) {
        let egress = &self.egress;
        let opening = async {
            let mut client = TokioIo::new(upgrade.await.map_err(|_| Refused::NoHello)?);
            let first = hello::read(&mut client, &self.host).await;
            if matches!(first, Err(Refused::OtherServerName | Refused::NoServerName)) {
                // It is closed in any case; the alert is a courtesy.
                let _ = client.write_all(&hello::ACCESS_DENIED).await;
                let _ = client.shutdown().await;
            }
            first.map(|first| (client, first))
        };
        let opened = tokio::select! {
            opened = timeout(egress.patience(), opening) => opened.unwrap_or(Err(Refused::NoHello)),
            () = self.is_ending() => Err(Refused::Ending),
        };
        let (client, first) = match opened {
            Ok(opened) => opened,
            Err(refused) => {
                egress.refuse(&self.host, self.port, refused, self.asked_at);
                return;
            }
        };
        EGRESS_REQUESTS.one(["allowed"]);
        let config = &egress.shared.config;
        let idle = Duration::from_millis(config.idle_timeout_ms).min(LONGEST);
        let longest = Duration::from_millis(config.connection_timeout_ms).min(LONGEST);
        let flow = Flow::new(&egress.allowance);
        let ended = tokio::select! {
            ended = flow.carry(client, stream, &first, idle, longest) => ended,
            () = self.is_ending() => Ended::Ending,
        };
        let (sent_bytes, received_bytes) = flow.bytes();
        let tally = Tally { count: 1, sent_bytes, received_bytes, duration_ms: millis_since(self.asked_at) };
        egress.records.ended(&self.host, self.port, ended, tally);
    }

    async fn is_ending(&self) {
        let stopping = self.egress.shared.tasks.stopping();
        tokio::select! {
            () = self.egress.closed.cancelled() => {}
            () = stopping.cancelled() => {}
        }
    }
}

fn millis_since(moment: Instant) -> u64 {
    moment.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}
