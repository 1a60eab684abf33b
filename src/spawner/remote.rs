//! The spawner in another process: each call is a connection to its socket.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use tokio::net::UnixStream;

use super::wire::{self, Answer, Call, MAX_ANSWER_BYTES};
use super::{
    EngineId, Exit, FoundWorkspace, Labels, NewRoots, Opened, Order, RootError, RootKeeper, Spawner, SpawnerError,
    WorkspacePath, WorkspaceSize,
};
use crate::domain::Changes;

/// The spawner that listens at a socket.
#[derive(Clone, Debug)]
pub struct Remote {
    socket: PathBuf,
}

impl Remote {
    /// The spawner at `socket`. Nothing is asked of it yet.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    async fn call(&self, call: Call) -> Result<Answer, SpawnerError> {
        self.converse(call).await.map(|(answer, _)| answer)
    }

    async fn converse(&self, call: Call) -> Result<(Answer, UnixStream), SpawnerError> {
        let conversation = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            wire::write(&mut stream, &call).await?;
            Ok((wire::read(&mut stream, MAX_ANSWER_BYTES).await?, stream))
        };
        let (answer, stream) = conversation.await.map_err(|error| self.unreachable(error))?;
        match answer {
            Answer::Failure(failure) => Err(failure.into()),
            answer => Ok((answer, stream)),
        }
    }

    fn unreachable(&self, source: io::Error) -> SpawnerError {
        SpawnerError::Unreachable { socket: self.socket.display().to_string(), source }
    }

    /// An answer to another question than was asked: another version listens there.
    fn foreign(&self) -> SpawnerError {
        self.unreachable(io::Error::new(io::ErrorKind::InvalidData, "it answers as another version would"))
    }

    async fn done(&self, call: Call) -> Result<(), SpawnerError> {
        match self.call(call).await? {
            Answer::Done => Ok(()),
            _ => Err(self.foreign()),
        }
    }
}

#[async_trait]
impl RootKeeper for Remote {
    async fn prepare_roots(&self, new: NewRoots) -> Result<(), RootError> {
        self.done(Call::PrepareRoots { new }).await.map_err(|error| RootError::Spawner(Box::new(error)))
    }
}

#[async_trait]
impl Spawner for Remote {
    async fn describe(&self) -> Result<String, SpawnerError> {
        match self.call(Call::Describe {}).await? {
            Answer::Description(text) => Ok(text),
            _ => Err(self.foreign()),
        }
    }

    async fn find_image(&self, image: Option<&str>) -> Result<String, SpawnerError> {
        match self.call(Call::FindImage { image: image.map(str::to_owned) }).await? {
            Answer::Image(id) => Ok(id),
            _ => Err(self.foreign()),
        }
    }

    async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError> {
        self.done(Call::CheckRuntime { name: name.to_owned() }).await
    }

    async fn find_workspace(&self, path: &WorkspacePath) -> Result<FoundWorkspace, SpawnerError> {
        match self.call(Call::FindWorkspace { path: path.clone() }).await? {
            Answer::Workspace(found) => Ok(found),
            _ => Err(self.foreign()),
        }
    }

    async fn open(&self, order: Order) -> Result<Opened, SpawnerError> {
        let (answer, stream) = self.converse(Call::Open { order: Box::new(order) }).await?;
        let Answer::Opened(id, confinement) = answer else { return Err(self.foreign()) };
        let sockets = wire::receive_descriptors(&stream).await;
        let [shim, model] = sockets.map_err(|error| self.unreachable(error))?;
        Ok(Opened { id, confinement, shim, model })
    }

    async fn start(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.done(Call::Start { id: id.clone() }).await
    }

    async fn wait(&self, id: &EngineId) -> Result<Exit, SpawnerError> {
        match self.call(Call::Wait { id: id.clone() }).await? {
            Answer::Exit(exit) => Ok(exit),
            _ => Err(self.foreign()),
        }
    }

    async fn free_bytes(&self, id: &EngineId) -> Result<u64, SpawnerError> {
        match self.call(Call::FreeBytes { id: id.clone() }).await? {
            Answer::Free(bytes) => Ok(bytes),
            _ => Err(self.foreign()),
        }
    }

    async fn measure(&self, id: &EngineId, most_files: u64) -> Result<WorkspaceSize, SpawnerError> {
        match self.call(Call::Measure { id: id.clone(), most_files }).await? {
            Answer::WorkspaceSize(usage) => Ok(usage),
            _ => Err(self.foreign()),
        }
    }

    async fn survey(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.done(Call::Survey { id: id.clone() }).await
    }

    async fn compare(&self, id: &EngineId, quarantine: bool) -> Result<Option<Changes>, SpawnerError> {
        match self.call(Call::Compare { id: id.clone(), quarantine }).await? {
            Answer::Changes(changes) => Ok(changes.map(|changes| *changes)),
            _ => Err(self.foreign()),
        }
    }

    async fn remove(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.done(Call::Remove { id: id.clone() }).await
    }

    async fn list(&self) -> Result<Vec<Labels>, SpawnerError> {
        match self.call(Call::List {}).await? {
            Answer::Sandboxes(found) => Ok(found),
            _ => Err(self.foreign()),
        }
    }

    async fn last_drill(&self) -> Result<Option<serde_json::Value>, SpawnerError> {
        match self.call(Call::LastDrill {}).await? {
            Answer::Drill(report) => Ok(report),
            _ => Err(self.foreign()),
        }
    }

    async fn sweep(&self) -> Result<usize, SpawnerError> {
        match self.call(Call::Sweep {}).await? {
            Answer::Swept(count) => Ok(count),
            _ => Err(self.foreign()),
        }
    }
}
