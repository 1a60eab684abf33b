//! The spawner in another process: each call is a connection to its socket.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::sleep;
use tracing::{error, info};

use super::wire::{self, Answer, Call, MAX_ANSWER_BYTES};
use super::{
    Comparison, EngineId, Exit, FoundWorkspace, Labels, NewRoots, Opened, Order, RootError, RootKeeper, Spawner,
    SpawnerError, Swept, WorkspacePath, WorkspaceSize,
};
use crate::domain::{Changes, SandboxName, TenantId};

/// How long lies between two tries to claim a spawner that ended.
const CLAIM_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The spawner that listens at a socket.
#[derive(Clone, Debug)]
pub struct Remote {
    socket: PathBuf,
}

/// Proof that no other server uses a spawner, for as long as the spawner runs.
#[derive(Debug)]
pub struct Claim(UnixStream);

impl Remote {
    /// The spawner at `socket`. Nothing is asked of it yet.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Claims the spawner for this server alone.
    ///
    /// # Errors
    /// When another server has claimed it, or it does not answer.
    pub async fn claim(&self) -> Result<Claim, SpawnerError> {
        match self.converse(Call::Claim {}).await? {
            (Answer::Done, stream) => Ok(Claim(stream)),
            _ => Err(self.foreign()),
        }
    }

    /// Claims the spawner again whenever it was restarted. Never returns.
    pub async fn keep_claim(&self, mut claim: Claim) {
        loop {
            // Nothing is ever sent on the connection: whatever comes of reading, it is over.
            let _ = claim.0.read_u8().await;
            error!(socket = %self.socket.display(), "the connection to the spawner was lost");
            claim = self.claim_again().await;
            info!(socket = %self.socket.display(), "the spawner is there again");
        }
    }

    async fn claim_again(&self) -> Claim {
        let mut refused = false;
        loop {
            match self.claim().await {
                Ok(claim) => return claim,
                Err(error @ SpawnerError::Refused(_)) if !std::mem::replace(&mut refused, true) => {
                    error!(error = &error as &dyn std::error::Error, "the spawner was claimed by another server");
                }
                Err(_) => {}
            }
            sleep(CLAIM_AGAIN_AFTER).await;
        }
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

    async fn compare(
        &self,
        tenant: TenantId,
        name: SandboxName,
        comparison: Comparison,
    ) -> Result<Changes, SpawnerError> {
        match self.call(Call::Compare { tenant, name, comparison }).await? {
            Answer::Changes(changes) => Ok(*changes),
            _ => Err(self.foreign()),
        }
    }

    async fn forget(&self, name: SandboxName) -> Result<(), SpawnerError> {
        self.done(Call::Forget { name }).await
    }

    async fn remove(&self, name: SandboxName) -> Result<(), SpawnerError> {
        self.done(Call::Remove { name }).await
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

    async fn sweep(&self, kept: &[SandboxName]) -> Result<Swept, SpawnerError> {
        match self.call(Call::Sweep { kept: kept.to_vec() }).await? {
            Answer::Swept(swept) => Ok(swept),
            _ => Err(self.foreign()),
        }
    }
}
