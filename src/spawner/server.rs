//! The spawner's own process: a private socket, and whoever may speak on it.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use super::wire::{self, Answer, Call, MAX_CALL_BYTES};
use super::{Local, Opened, RootKeeper, Spawner, SpawnerError};
use crate::domain::SandboxName;
use crate::instance::{Lock, LockError};
use crate::lifecycle::Tasks;
use crate::net::DescriptorBudget;

/// How long a server that starts waits for the claim of one that has just ended.
const CLAIM_WAIT: Duration = Duration::from_secs(5);

/// How long a caller may take to say its call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A bound socket, on which nobody is answered yet.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    client: u32,
    _lock: Lock,
}

/// A spawner that listens.
#[derive(Debug)]
pub struct Server {
    socket: Socket,
    local: Arc<Local>,
    tasks: Tasks,
    /// Taken by the one server that may use the spawner.
    claim: Arc<Semaphore>,
}

/// Why a spawner cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another spawner listens there.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The socket cannot be made.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Socket {
    /// Opens the socket for the user `client`, as whom the server runs: nobody else may even connect, but root.
    ///
    /// # Errors
    /// When the socket cannot be made, or another spawner listens there.
    pub async fn bind(path: &Path, client: u32) -> Result<Self, BindError> {
        let lock = Lock::of_socket(path, "spawner.socket")?;
        if UnixStream::connect(path).await.is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there already").into());
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        // Between the two nobody but ourselves may connect, and who connects is asked for again.
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        if client != rustix::process::geteuid().as_raw() {
            chown(path, Some(client), None)?;
        }
        Ok(Self { listener, path: path.to_owned(), client, _lock: lock })
    }

    fn may_speak(&self, stream: &UnixStream) -> bool {
        let own = rustix::process::geteuid().as_raw();
        match stream.peer_cred() {
            Ok(peer) if [self.client, own, 0].contains(&peer.uid()) => true,
            Ok(peer) => {
                warn!(uid = peer.uid(), "a user that is not the spawner's client was turned away");
                false
            }
            Err(error) => {
                warn!(%error, "who speaks on the spawner's socket cannot be told");
                false
            }
        }
    }
}

impl Server {
    /// A spawner that will answer on `socket`.
    pub fn new(socket: Socket, local: Arc<Local>, tasks: Tasks) -> Self {
        Self { socket, local, tasks, claim: Arc::new(Semaphore::new(1)) }
    }

    /// Serves until the process is to end.
    pub async fn run(self) {
        let stopping = self.tasks.stopping().clone();
        let places = Arc::new(Semaphore::new(DescriptorBudget::current().public));
        loop {
            let accepting = async {
                // The semaphore is never closed, so there is always a place to wait for.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (self.socket.listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = stopping.cancelled() => break,
                accepted = accepting => accepted,
            };
            match accepted {
                Ok((stream, _)) if self.socket.may_speak(&stream) => {
                    let (local, claim, stopping) = (Arc::clone(&self.local), Arc::clone(&self.claim), stopping.clone());
                    self.tasks.spawn("spawner call", async move {
                        let _place = place;
                        let answered = stopping.run_until_cancelled(answer(&local, &claim, stream)).await;
                        if let Some(Err(error)) = answered {
                            debug!(%error, "a caller of the spawner left, or does not speak its language");
                        }
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    error!(%error, "the spawner's socket failed");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
        let _ = std::fs::remove_file(&self.socket.path);
        match self.local.remove_all().await.map(|swept| swept.removed) {
            Ok(0) => {}
            Ok(count) => info!(count, "removed the sandboxes that were still there"),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "sandboxes could not be removed"),
        }
    }
}

/// Answers the one call of a connection.
async fn answer(local: &Local, claim: &Semaphore, mut stream: UnixStream) -> io::Result<()> {
    let read = timeout(CALL_TIMEOUT, wire::read(&mut stream, MAX_CALL_BYTES)).await;
    let call = match read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(call) => call,
        Err(error) if error.kind() == io::ErrorKind::InvalidData || error.get_ref().is_some() => {
            let refused = SpawnerError::Refused(format!("this is no call: {error}"));
            return wire::write(&mut stream, &Answer::Failure(refused.into())).await;
        }
        Err(error) => return Err(error),
    };
    if let Call::Open { order } = call {
        let name = order.name();
        return match local.open(*order).await {
            Ok(opened) => hand_over(local, &mut stream, name, opened).await,
            Err(error) => wire::write(&mut stream, &failure(error)).await,
        };
    }
    if let Call::Claim {} = call {
        return hold_claim(claim, &mut stream).await;
    }
    let done = {
        // A caller that left needs no answer: nobody waits for a sandbox's end, or the sum of its files, any more.
        let is_long = matches!(call, Call::Wait { .. } | Call::Measure { .. });
        tokio::select! {
            done = perform(local, call) => done,
            () = closed(&stream), if is_long => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    };
    wire::write(&mut stream, &done.unwrap_or_else(failure)).await
}

/// Lets one server use the spawner until its connection closes.
async fn hold_claim(claim: &Semaphore, stream: &mut UnixStream) -> io::Result<()> {
    let Ok(Ok(_claim)) = timeout(CLAIM_WAIT, claim.acquire()).await else {
        let why = "another server uses this spawner: stop it first, or give this one a spawner of its own";
        return wire::write(stream, &failure(SpawnerError::Refused(why.to_owned()))).await;
    };
    wire::write(stream, &Answer::Done).await?;
    closed(stream).await;
    Ok(())
}

/// Waits until the other end closes the connection, or says something it has no business to say.
async fn closed(stream: &UnixStream) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

async fn perform(local: &Local, call: Call) -> Result<Answer, SpawnerError> {
    Ok(match call {
        Call::Describe {} => Answer::Description(local.describe().await?),
        Call::FindImage { image } => Answer::Image(local.find_image(image.as_deref()).await?),
        Call::CheckRuntime { name } => local.check_runtime(&name).await.map(|()| Answer::Done)?,
        Call::FindWorkspace { path } => Answer::Workspace(local.find_workspace(&path).await?),
        Call::Open { .. } | Call::Claim {} => unreachable!("answered by its own function"),
        Call::Start { id } => local.start(&id).await.map(|()| Answer::Done)?,
        Call::Wait { id } => Answer::Exit(local.wait(&id).await?),
        Call::FreeBytes { id } => Answer::Free(local.free_bytes(&id).await?),
        Call::Measure { id, most_files } => Answer::WorkspaceSize(local.measure(&id, most_files).await?),
        Call::Survey { id } => local.survey(&id).await.map(|()| Answer::Done)?,
        Call::Compare { tenant, name, comparison } => {
            Answer::Changes(Box::new(local.compare(tenant, name, comparison).await?))
        }
        Call::Forget { name } => local.forget(name).await.map(|()| Answer::Done)?,
        Call::Remove { name } => local.remove(name).await.map(|()| Answer::Done)?,
        Call::PrepareRoots { new } => {
            local.prepare_roots(new).await.map_err(|error| SpawnerError::Root(wire::chain(&error)))?;
            Answer::Done
        }
        Call::List {} => Answer::Sandboxes(local.list().await?),
        Call::LastDrill {} => Answer::Drill(local.last_drill().await?),
        Call::Sweep { kept } => Answer::Swept(local.sweep(&kept).await?),
    })
}

/// Gives a sandbox to who ordered it. If that fails nobody will ever start or remove it.
async fn hand_over(local: &Local, stream: &mut UnixStream, name: SandboxName, opened: Opened) -> io::Result<()> {
    let Opened { id, confinement, shim, model } = opened;
    let given = async {
        wire::write(stream, &Answer::Opened(id, confinement)).await?;
        wire::send_descriptors(stream, &[shim, model]).await
    };
    let given = given.await;
    if given.is_err()
        && let Err(error) = local.remove(name).await
    {
        warn!(error = &error as &dyn std::error::Error, "a sandbox nobody waited for could not be removed");
    }
    given
}

fn failure(error: SpawnerError) -> Answer {
    if !matches!(error, SpawnerError::Workspace(_)) {
        warn!(error = &error as &dyn std::error::Error, "a call was not done");
    }
    Answer::Failure(error.into())
}
