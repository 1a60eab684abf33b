//! The spawner's own process: a private socket, and whoever may speak on it.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tracing::{debug, error, info, warn};

use super::wire::{self, Answer, Call, MAX_CALL_BYTES};
use super::{Local, Opened, RootKeeper, Spawner, SpawnerError};
use crate::lifecycle::Tasks;

/// A spawner that listens.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    socket: PathBuf,
    local: Arc<Local>,
    client: u32,
    tasks: Tasks,
}

impl Server {
    /// Opens the socket for the user `client`, as whom the server runs: nobody else may even connect, but root.
    ///
    /// # Errors
    /// When the socket cannot be made, or another spawner listens there.
    pub async fn bind(socket: &Path, client: u32, local: Arc<Local>, tasks: Tasks) -> io::Result<Self> {
        if UnixStream::connect(socket).await.is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "a spawner listens there already"));
        }
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(socket)?;
        // Between the two nobody but ourselves may connect, and who connects is asked for again.
        std::fs::set_permissions(socket, Permissions::from_mode(0o600))?;
        if client != rustix::process::geteuid().as_raw() {
            chown(socket, Some(client), None)?;
        }
        Ok(Self { listener, socket: socket.to_owned(), local, client, tasks })
    }

    /// Serves until the process is to end.
    pub async fn run(self) {
        let stopping = self.tasks.stopping().clone();
        loop {
            let accepted = tokio::select! {
                () = stopping.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) if self.may_speak(&stream) => {
                    let (local, stopping) = (Arc::clone(&self.local), stopping.clone());
                    self.tasks.spawn("spawner call", async move {
                        let answered = stopping.run_until_cancelled(answer(&local, stream)).await;
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
        let _ = std::fs::remove_file(&self.socket);
        match self.local.sweep().await {
            Ok(0) => {}
            Ok(count) => info!(count, "removed the sandboxes that were still there"),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "sandboxes could not be removed"),
        }
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

/// Answers the one call of a connection.
async fn answer(local: &Local, mut stream: UnixStream) -> io::Result<()> {
    let call = match wire::read(&mut stream, MAX_CALL_BYTES).await {
        Ok(call) => call,
        Err(error) if error.kind() == io::ErrorKind::InvalidData || error.get_ref().is_some() => {
            let refused = SpawnerError::Refused(format!("this is no call: {error}"));
            return wire::write(&mut stream, &Answer::Failure(refused.into())).await;
        }
        Err(error) => return Err(error),
    };
    if let Call::Open { order } = call {
        return match local.open(*order).await {
            Ok(opened) => hand_over(local, &mut stream, opened).await,
            Err(error) => wire::write(&mut stream, &failure(error)).await,
        };
    }
    let done = {
        // A caller that left needs no answer: nobody waits for a sandbox's end, or the sum of its files, any more.
        let left = async {
            while stream.readable().await.is_ok() {
                match stream.try_read(&mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => return,
                }
            }
        };
        let is_long = matches!(call, Call::Wait { .. } | Call::Measure { .. });
        tokio::select! {
            done = perform(local, call) => done,
            () = left, if is_long => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    };
    wire::write(&mut stream, &done.unwrap_or_else(failure)).await
}

async fn perform(local: &Local, call: Call) -> Result<Answer, SpawnerError> {
    Ok(match call {
        Call::Describe {} => Answer::Description(local.describe().await?),
        Call::FindImage { image } => Answer::Image(local.find_image(image.as_deref()).await?),
        Call::CheckRuntime { name } => local.check_runtime(&name).await.map(|()| Answer::Done)?,
        Call::FindWorkspace { path } => Answer::Workspace(local.find_workspace(&path).await?),
        Call::Open { .. } => unreachable!("answered with its descriptors"),
        Call::Start { id } => local.start(&id).await.map(|()| Answer::Done)?,
        Call::Wait { id } => Answer::Exit(local.wait(&id).await?),
        Call::FreeBytes { id } => Answer::Free(local.free_bytes(&id).await?),
        Call::Measure { id, most_files } => Answer::WorkspaceSize(local.measure(&id, most_files).await?),
        Call::Survey { id } => local.survey(&id).await.map(|()| Answer::Done)?,
        Call::Compare { id, quarantine } => Answer::Changes(local.compare(&id, quarantine).await?.map(Box::new)),
        Call::Remove { id } => local.remove(&id).await.map(|()| Answer::Done)?,
        Call::PrepareRoots { new } => {
            local.prepare_roots(new).await.map_err(|error| SpawnerError::Root(wire::chain(&error)))?;
            Answer::Done
        }
        Call::List {} => Answer::Sandboxes(local.list().await?),
        Call::LastDrill {} => Answer::Drill(local.last_drill().await?),
        Call::Sweep {} => Answer::Swept(local.sweep().await?),
    })
}

/// Gives a sandbox to who ordered it. If that fails nobody will ever start or remove it.
async fn hand_over(local: &Local, stream: &mut UnixStream, opened: Opened) -> io::Result<()> {
    let Opened { id, confinement, shim, model } = opened;
    let given = async {
        wire::write(stream, &Answer::Opened(id.clone(), confinement)).await?;
        wire::send_descriptors(stream, &[shim, model]).await
    };
    let given = given.await;
    if given.is_err()
        && let Err(error) = local.remove(&id).await
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
