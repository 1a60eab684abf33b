//! Making a sandbox, from an open workspace to a shim that has shown what confines it.

use std::sync::Arc;
use std::time::Duration;

use innkeeper_shim::contract::{Contract, DEFAULT_SOCKET, DEFAULT_WORKSPACE};
use innkeeper_shim::protocol::Token;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::directory::SandboxDirectory;
use super::link::{Link, LinkHandle, Report};
use super::meter::{Bounds, Meter, Overfull};
use super::{Caller, ModelSocket, OpenError, Workspace, check_runtime, find_image, posture};
use crate::config::{Config, HandOver};
use crate::domain::{Secret, SessionLimits};
use crate::engine::{Engine, EngineId, Labels, Limits, SandboxSpec};
use crate::lifecycle::Tasks;

/// Our system call filter: what a toolchain needs, and nothing that reaches past the sandbox.
const SECCOMP: &str = include_str!("../../docker/seccomp.json");

/// Workspaces that are walked through at the same time.
const WALKS: usize = 2;

/// What makes sandboxes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Maker {
    engine: Arc<dyn Engine>,
    config: Arc<Config>,
    tasks: Tasks,
    installation: Arc<str>,
    image: Arc<str>,
    model_sockets: mpsc::Sender<ModelSocket>,
    /// Starting is processor work: more at a time than there are cores makes every one of them late.
    starts: Arc<Semaphore>,
    /// So is walking through workspaces.
    walks: Arc<Semaphore>,
}

/// A sandbox whose shim is there and waits for an agent to start.
#[derive(Debug)]
pub struct Sandbox {
    /// What tells its shim what to do.
    pub link: LinkHandle,
    /// What its shim reports.
    pub reports: mpsc::Receiver<Report>,
    remains: Remains,
    meter: Meter,
}

/// What is left to clean up of a sandbox, whatever became of it.
#[derive(Debug)]
struct Remains {
    engine: Arc<dyn Engine>,
    id: EngineId,
    /// Cancelled when nobody is to call the model from it any more.
    closed: CancellationToken,
    /// Cancelled when nothing runs in it any more.
    gone: CancellationToken,
    /// Held for its sake: removed when dropped.
    _directory: SandboxDirectory,
}

impl Maker {
    /// What makes sandboxes of `image` through `engine`, and hands their sockets to the gateway over `model_sockets`.
    pub fn new(
        engine: Arc<dyn Engine>,
        config: Arc<Config>,
        tasks: Tasks,
        installation: &str,
        image: &str,
        model_sockets: mpsc::Sender<ModelSocket>,
    ) -> Self {
        let starts = match config.sandbox.concurrent_starts {
            0 => std::thread::available_parallelism().map_or(2, std::num::NonZero::get) * 2,
            chosen => chosen,
        };
        Self {
            engine,
            config,
            tasks,
            installation: installation.into(),
            image: image.into(),
            model_sockets,
            starts: Arc::new(Semaphore::new(starts)),
            walks: Arc::new(Semaphore::new(WALKS)),
        }
    }

    /// Makes the `epoch`th sandbox of the caller's session on `workspace`, from `image` and with `runtime`, or with the
    /// installation's own. Whatever fails, nothing is left behind.
    ///
    /// # Errors
    /// When the engine fails, the sandbox is weaker than ordered, or its shim does not come up in time.
    pub async fn open(
        &self,
        caller: Caller,
        epoch: i64,
        workspace: &Workspace,
        image: Option<&str>,
        runtime: Option<&str>,
        limits: &SessionLimits,
    ) -> Result<Sandbox, OpenError> {
        let _permit = self.starts.acquire().await.map_err(|_| OpenError::Closed)?;
        let session = caller.session;
        let name = format!("{session}-{epoch}");
        let parent = self.config.sandboxes_dir();
        let directory =
            SandboxDirectory::create(&parent, &name, workspace.uid, workspace.gid).map_err(OpenError::Directory)?;
        let token = new_token()?;
        let contract = self.contract(token.clone(), epoch, workspace);
        let mut spec = self.spec(&caller, epoch, workspace, &directory, &contract);
        if let Some(image) = image {
            spec.image = find_image(&*self.engine, image).await?;
        }
        if let Some(runtime) = runtime {
            check_runtime(&*self.engine, runtime).await?;
            spec.runtime = Some(runtime.to_owned());
        }
        lower(&mut spec.limits, limits);

        let listener = directory.shim_socket().map_err(OpenError::Directory)?;
        let gone = CancellationToken::new();
        let (link, handle, mut reports) = Link::new(listener, token, contract.epoch, gone.clone());
        let model_listener = directory.model_socket().map_err(OpenError::Directory)?;
        let id = self.engine.create(&spec).await?;
        let closed = CancellationToken::new();
        let remains =
            Remains { engine: Arc::clone(&self.engine), id, closed: closed.clone(), gone, _directory: directory };
        self.tasks.spawn("link", link.run());
        let socket = ModelSocket { listener: model_listener, caller, closed };
        let ready = async {
            self.model_sockets.send(socket).await.map_err(|_| OpenError::Closed)?;
            self.engine.start(&remains.id).await?;
            present(&mut reports, &remains, &spec, workspace).await
        };
        let mut meter = self.meter(workspace, limits);
        let limit = Duration::from_millis(self.config.sandbox.start_timeout_ms);
        let (outcome, overfull) = tokio::join!(tokio::time::timeout(limit, ready), meter.first());
        let outcome =
            overfull.map_or(outcome.unwrap_or(Err(OpenError::TimedOut(limit))), |why| Err(OpenError::Overfull(why)));
        match outcome {
            Ok(()) => {
                tracing::debug!(%session, "the sandbox stands");
                self.tasks.spawn("sandbox", watch(Arc::clone(&self.engine), remains.id.clone(), remains.gone.clone()));
                Ok(Sandbox { link: handle, reports, remains, meter })
            }
            Err(error) => {
                remains.clear().await;
                Err(error)
            }
        }
    }

    /// Checks that sandboxes can be run with the runtime `name`.
    ///
    /// # Errors
    /// When the engine has no such runtime, or fails.
    pub async fn check_runtime(&self, name: &str) -> Result<(), OpenError> {
        check_runtime(&*self.engine, name).await
    }

    fn meter(&self, workspace: &Workspace, limits: &SessionLimits) -> Meter {
        let config = &self.config.sandbox;
        let bounds = Bounds {
            bytes: limits.workspace_bytes.unwrap_or(i64::MAX).min(config.workspace_bytes).unsigned_abs(),
            files: config.workspace_files,
            free: config.min_free_bytes,
        };
        let every = Duration::from_millis(config.workspace_check_ms);
        Meter::new(workspace.directory(), bounds, every, Arc::clone(&self.walks))
    }

    fn contract(&self, token: Token, epoch: i64, workspace: &Workspace) -> Contract {
        Contract {
            token,
            epoch: epoch.unsigned_abs(),
            socket: DEFAULT_SOCKET.into(),
            workspace: DEFAULT_WORKSPACE.into(),
            workspace_device: workspace.device,
            workspace_inode: workspace.inode,
            grace: Duration::from_millis(self.config.sandbox.server_away_grace_ms),
        }
    }

    fn spec(
        &self,
        caller: &Caller,
        epoch: i64,
        workspace: &Workspace,
        directory: &SandboxDirectory,
        contract: &Contract,
    ) -> SandboxSpec {
        let labels = Labels {
            installation: self.installation.to_string(),
            tenant: caller.tenant,
            session: caller.session,
            epoch,
        };
        let env = contract.variables().into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value)));
        let runtime = &self.config.engine.runtime;
        SandboxSpec {
            labels,
            image: self.image.to_string(),
            uid: workspace.uid,
            gid: workspace.gid,
            env: env.collect(),
            workspace: match self.config.engine.hand_over {
                HandOver::Descriptor => workspace.by_descriptor(),
                HandOver::Path => workspace.by_path(),
            },
            mounts: directory.mounts(),
            limits: limits(&self.config.sandbox),
            seccomp: SECCOMP.to_owned(),
            runtime: (!runtime.is_empty()).then(|| runtime.clone()),
        }
    }
}

impl Sandbox {
    /// Waits until its workspace holds more than it may, or the disk has too little left.
    pub async fn overfull(&mut self) -> Overfull {
        self.meter.overfull().await
    }

    /// Ends everything in it and removes it.
    pub async fn close(self) {
        self.link.finish();
        self.remains.clear().await;
    }
}

impl Remains {
    async fn clear(self) {
        self.closed.cancel();
        if let Err(error) = self.engine.remove(&self.id).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a sandbox could not be removed; the next start of the server tries again"
            );
        }
        self.gone.cancel();
    }
}

/// Waits until the shim is there and has shown a sandbox as it was ordered, or the sandbox has ended.
async fn present(
    reports: &mut mpsc::Receiver<Report>,
    remains: &Remains,
    spec: &SandboxSpec,
    workspace: &Workspace,
) -> Result<(), OpenError> {
    let report = tokio::select! {
        biased;
        report = reports.recv() => report,
        exit = remains.engine.wait(&remains.id) => return Err(OpenError::Ended(exit?.code)),
    };
    match report {
        Some(Report::Present(found)) => {
            let weaknesses = posture::weaknesses(&found, spec, workspace);
            if weaknesses.is_empty() { Ok(()) } else { Err(OpenError::Weak(weaknesses.join("; "))) }
        }
        Some(Report::Fault(fault)) => Err(OpenError::Fault(fault)),
        Some(Report::Entry { .. }) | None => Err(OpenError::Closed),
    }
}

/// Says that a sandbox is gone when it ends by itself, or is killed by somebody else.
async fn watch(engine: Arc<dyn Engine>, id: EngineId, gone: CancellationToken) {
    tokio::select! {
        exit = engine.wait(&id) => match exit {
            Ok(exit) => tracing::debug!(sandbox = id.0, code = exit.code, oom = exit.out_of_memory, "a sandbox ended"),
            Err(error) => {
                // What became of it shows when it is removed.
                tracing::warn!(error = &error as &dyn std::error::Error, "a sandbox cannot be watched");
                return;
            }
        },
        () = gone.cancelled() => return,
    }
    gone.cancel();
}

/// A tenant's own limits lower those of the installation, and never raise them.
fn lower(limits: &mut Limits, lower: &SessionLimits) {
    limits.memory_bytes = lower.memory_bytes.map_or(limits.memory_bytes, |most| most.min(limits.memory_bytes));
    limits.nano_cpus = lower.cpus.map_or(limits.nano_cpus, |most| nano_cpus(most).min(limits.nano_cpus));
    limits.pids = lower.pids.map_or(limits.pids, |most| most.min(limits.pids));
}

#[expect(clippy::cast_possible_truncation, reason = "a machine has far fewer than nine billion cores")]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

fn limits(config: &crate::config::SandboxConfig) -> Limits {
    Limits {
        memory_bytes: config.memory_bytes,
        nano_cpus: nano_cpus(config.cpus),
        pids: config.pids,
        open_files: config.open_files,
        scratch_bytes: config.scratch_bytes,
        scratch_inodes: config.scratch_inodes,
    }
}

fn new_token() -> Result<Token, OpenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| OpenError::Directory(std::io::Error::other(error)))?;
    Ok(Token::new(blake3::Hash::from_bytes(bytes).to_hex().as_str()))
}
