//! Making a sandbox, from an open workspace to a shim that has shown what confines it.

use std::sync::Arc;
use std::time::Duration;

use innkeeper_shim::protocol::Token;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::link::{Link, LinkHandle, Report};
use super::meter::{Bounds, Meter, Overfull};
use super::{Caller, LatestResources, ModelSocket, OpenError, posture};
use crate::config::Config;
use crate::domain::{SandboxName, SessionLimits};
use crate::fair::FairGate;
use crate::lifecycle::Tasks;
use crate::metrics::Raised;
use crate::metrics::catalogue::{
    SANDBOX_REMOVE_FAILURES, SANDBOX_START, SANDBOX_START_FAILURES, SANDBOX_VIOLATIONS, SANDBOXES,
};
use crate::spawner::{Confinement, EngineId, Opened, Order, Spawner, SpawnerError, WorkspacePath};
use crate::telemetry::{self, Trouble};

/// How long until a spawner that did not answer is asked again.
const WATCH_AGAIN: Duration = Duration::from_secs(1);

/// What makes sandboxes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Maker {
    spawner: Arc<dyn Spawner>,
    config: Arc<Config>,
    tasks: Tasks,
    model_sockets: mpsc::Sender<ModelSocket>,
    /// Whether a sandbox that is weaker than ordered is opened all the same.
    accepts_weak: bool,
    /// Starting is processor work: more at a time than there are cores makes every one of them late. The turns go round
    /// between tenants.
    starts: FairGate,
}

/// A wish for a sandbox.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which of the session's sandboxes it is.
    pub epoch: i64,
    /// Where it works.
    pub workspace: WorkspacePath,
    /// Its image; `None` for the installation's own.
    pub image: Option<String>,
    /// Its OCI runtime; `None` for the installation's own.
    pub runtime: Option<String>,
    /// What it may use.
    pub limits: SessionLimits,
    /// Whether its workspace is looked over before anything runs in it, to be compared afterwards.
    pub survey: bool,
}

/// A sandbox whose shim is there and waits for an agent to start.
#[derive(Debug)]
pub struct Sandbox {
    /// What tells its shim what to do.
    pub link: LinkHandle,
    /// What its shim reports.
    pub reports: mpsc::Receiver<Report>,
    /// What it uses.
    pub resources: LatestResources,
    remains: Remains,
    meter: Meter,
    /// Whether its workspace was looked over.
    surveyed: Option<Result<(), SpawnerError>>,
}

/// A sandbox that is being ended: it counts until this is dropped, and only then its shim is not listened to any more.
#[derive(Debug)]
pub struct Closing {
    /// Whether it is gone.
    pub is_gone: bool,
    /// Whether its workspace was looked over.
    pub surveyed: Option<Result<(), SpawnerError>>,
    _remains: Remains,
}

/// What is left to clean up of a sandbox, whatever became of it.
#[derive(Debug)]
struct Remains {
    spawner: Arc<dyn Spawner>,
    id: EngineId,
    name: SandboxName,
    /// Cancelled when nobody is to call the model from it any more.
    closed: CancellationToken,
    /// Cancelled when nothing runs in it any more.
    gone: CancellationToken,
    /// It counts as long as it is not cleared away.
    _counted: Raised,
}

impl Maker {
    /// What makes sandboxes through `spawner`, and hands their sockets to the gateway over `model_sockets`.
    pub fn new(
        spawner: Arc<dyn Spawner>,
        config: Arc<Config>,
        tasks: Tasks,
        model_sockets: mpsc::Sender<ModelSocket>,
    ) -> Self {
        let starts = match config.sandbox.concurrent_starts {
            0 => std::thread::available_parallelism().map_or(2, std::num::NonZero::get) * 2,
            chosen => chosen,
        };
        Self { spawner, config, tasks, model_sockets, accepts_weak: false, starts: FairGate::new(starts) }
    }

    /// The same, but sandboxes that are weaker than ordered are opened too. For the drill alone, whose attacks are to show
    /// what such a weakness means.
    #[must_use]
    pub fn accepting_weak_sandboxes(mut self) -> Self {
        self.accepts_weak = true;
        self
    }

    /// What sandboxes are made through.
    pub fn spawner(&self) -> &dyn Spawner {
        &*self.spawner
    }

    /// Makes a sandbox of the caller's session. Whatever comes of it, the caller has the spawner remove it.
    ///
    /// # Errors
    /// When the spawner fails, the sandbox is weaker than ordered, or its shim does not come up in time.
    pub async fn open(&self, caller: Caller, wish: Wish) -> Result<Sandbox, OpenError> {
        self.make(caller, wish).await.inspect_err(|error| {
            SANDBOX_START_FAILURES.one([error.as_label()]);
            if let OpenError::Weak(_) = error {
                SANDBOX_VIOLATIONS.one(["posture"]);
            }
        })
    }

    async fn make(&self, caller: Caller, wish: Wish) -> Result<Sandbox, OpenError> {
        let permit = self.starts.acquire(caller.tenant).await;
        telemetry::event("its turn to start");
        let session = caller.session;
        let Wish { epoch, workspace, image, runtime, limits, survey } = wish;
        let (token, workspace_bytes) = (new_token()?, limits.workspace_bytes);
        let order = Order {
            tenant: caller.tenant,
            session,
            epoch,
            workspace,
            image,
            runtime,
            limits,
            token: token.clone(),
            grace: Duration::from_millis(self.config.sandbox.server_away_grace_ms),
            has_egress: !caller.egress.is_empty() || caller.agent_telemetry,
        };
        let name = order.name();
        let Opened { id, confinement, shim, model } = self.create(order).await?;

        let remains = Remains::new(Arc::clone(&self.spawner), id, name);
        let (closed, gone) = (remains.closed.clone(), remains.gone.clone());
        let resources = LatestResources::new(confinement.limits);
        let ready = async {
            // Held until the shim is there, not while the workspace is walked through, which may take minutes.
            let _permit = permit;
            let (shim, listener) = (listener(shim)?, listener(model)?);
            let (link, handle, mut reports) = Link::new(shim, token, epoch.unsigned_abs(), resources.clone(), gone);
            self.tasks.spawn("link", link.run());
            let socket = ModelSocket { listener, caller, closed };
            self.model_sockets.send(socket).await.map_err(|_| OpenError::Closed)?;
            let started_at = self.start(&remains.id).await?;
            match present(&mut reports, &remains, &confinement).await {
                Err(OpenError::Weak(how)) if self.accepts_weak => {
                    tracing::warn!(how, "a sandbox of the drill is weaker than it was ordered");
                }
                shown => shown?,
            }
            SANDBOX_START.took(["boot"], started_at.elapsed());
            telemetry::event("shown what confines it");
            Ok((handle, reports))
        };
        let mut meter = self.meter(remains.id.clone(), workspace_bytes);
        let limit = Duration::from_millis(self.config.sandbox.start_timeout_ms);
        let surveyed = async { if survey { Some(self.spawner.survey(&remains.id).await) } else { None } };
        let (outcome, overfull, surveyed) = tokio::join!(tokio::time::timeout(limit, ready), meter.first(), surveyed);
        let outcome =
            overfull.map_or(outcome.unwrap_or(Err(OpenError::TimedOut(limit))), |why| Err(OpenError::Overfull(why)));
        match outcome {
            Ok((link, reports)) => {
                tracing::debug!("the sandbox stands");
                let (spawner, id, gone) = (Arc::clone(&self.spawner), remains.id.clone(), remains.gone.clone());
                self.tasks.spawn("sandbox", watch(spawner, id, gone));
                Ok(Sandbox { link, reports, resources, remains, meter, surveyed })
            }
            Err(error) => {
                remains.remove().await;
                Err(error)
            }
        }
    }

    /// Starts a sandbox, and answers when that began.
    async fn start(&self, id: &EngineId) -> Result<Instant, SpawnerError> {
        let began = Instant::now();
        self.spawner.start(id).await?;
        telemetry::event("started");
        Ok(began)
    }

    async fn create(&self, order: Order) -> Result<Opened, SpawnerError> {
        let began = Instant::now();
        let opened = self.spawner.open(order).await?;
        SANDBOX_START.took(["create"], began.elapsed());
        telemetry::event("made");
        Ok(opened)
    }

    fn meter(&self, id: EngineId, workspace_bytes: Option<i64>) -> Meter {
        let config = &self.config.sandbox;
        let bounds = Bounds {
            bytes: workspace_bytes.unwrap_or(i64::MAX).min(config.workspace_bytes).unsigned_abs(),
            files: config.workspace_files,
            free: config.min_free_bytes,
        };
        let every = Duration::from_millis(config.workspace_check_ms);
        Meter::new(Arc::clone(&self.spawner), id, bounds, every)
    }
}

impl Sandbox {
    /// Waits until its workspace holds more than it may, or the disk has too little left.
    pub async fn overfull(&mut self) -> Overfull {
        self.meter.overfull().await
    }

    /// Ends everything in it and removes it, if it can be: some processes take minutes to end.
    pub async fn close(self) -> Closing {
        self.link.finish();
        let is_gone = self.remains.remove().await;
        Closing { is_gone, surveyed: self.surveyed, _remains: self.remains }
    }
}

impl Remains {
    fn new(spawner: Arc<dyn Spawner>, id: EngineId, name: SandboxName) -> Self {
        let (closed, gone) = (CancellationToken::new(), CancellationToken::new());
        Self { spawner, id, name, closed, gone, _counted: SANDBOXES.raised([]) }
    }
}

impl Remains {
    /// Tries to remove it. Returns whether it is gone.
    async fn remove(&self) -> bool {
        self.closed.cancel();
        match self.spawner.remove(self.name).await {
            Ok(()) => {
                self.gone.cancel();
                true
            }
            Err(error) => {
                SANDBOX_REMOVE_FAILURES.one([]);
                let error = &error as &dyn std::error::Error;
                tracing::warn!(sandbox = %self.name, error, "sandbox removal failed; it is tried again until it works");
                false
            }
        }
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        self.closed.cancel();
        self.gone.cancel();
    }
}

/// Waits until the shim is there and has shown a sandbox as it was ordered, or the sandbox has ended.
async fn present(
    reports: &mut mpsc::Receiver<Report>,
    remains: &Remains,
    confinement: &Confinement,
) -> Result<(), OpenError> {
    let report = tokio::select! {
        biased;
        report = reports.recv() => report,
        exit = remains.spawner.wait(&remains.id) => return Err(OpenError::Ended(exit?.code)),
    };
    match report {
        Some(Report::Present(found)) => {
            let weaknesses = posture::weaknesses(&found, confinement);
            if weaknesses.is_empty() { Ok(()) } else { Err(OpenError::Weak(weaknesses.join("; "))) }
        }
        Some(Report::Fault(fault)) => Err(OpenError::Fault(fault)),
        Some(Report::Entry { .. }) | None => Err(OpenError::Closed),
    }
}

/// Says that a sandbox is gone when it ends by itself, or is killed by somebody else. A spawner or an engine that is away is
/// asked again: what it knows nothing of any more, when it is back, has ended.
async fn watch(spawner: Arc<dyn Spawner>, id: EngineId, gone: CancellationToken) {
    let trouble = Trouble::default();
    let ended = async {
        loop {
            match spawner.wait(&id).await {
                Ok(exit) => {
                    tracing::debug!(sandbox = id.0, code = exit.code, oom = exit.out_of_memory, "a sandbox ended");
                    return;
                }
                Err(SpawnerError::Refused(_)) => return,
                Err(error) => {
                    if trouble.begins() {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "a sandbox cannot be watched; trying again until it can");
                    }
                    tokio::time::sleep(WATCH_AGAIN).await;
                }
            }
        }
    };
    if gone.run_until_cancelled(ended).await.is_some() {
        gone.cancel();
    }
}

/// A listening socket as this process uses it.
fn listener(descriptor: std::os::fd::OwnedFd) -> Result<UnixListener, OpenError> {
    UnixListener::from_std(descriptor.into()).map_err(|error| SpawnerError::Directory(error).into())
}

fn new_token() -> Result<Token, OpenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(OpenError::Random)?;
    Ok(Token::new(blake3::Hash::from_bytes(bytes).to_hex().as_str()))
}
