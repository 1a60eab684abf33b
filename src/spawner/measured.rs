//! A spawner whose calls are counted and timed, whichever process it is in.

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    EngineId, Exit, FoundWorkspace, Labels, NewRoots, Opened, Order, RootError, RootKeeper, Spawner, SpawnerError,
    WorkspacePath, WorkspaceSize,
};
use crate::domain::Changes;
use crate::metrics::catalogue::{SPAWNER_CALLS, SPAWNER_ERRORS};

/// A spawner that is measured. Waiting for a sandbox's end is no work of its and not timed.
#[derive(Debug)]
pub struct Measured<S>(S);

impl<S> Measured<S> {
    /// Measures what `spawner` does.
    pub fn new(spawner: S) -> Self {
        for call in ["open", "start", "remove", "measure", "survey", "compare"] {
            SPAWNER_ERRORS.begin([call]);
        }
        Self(spawner)
    }
}

/// Whether it is the spawner or the engine that failed, and not the call that could not be.
const fn is_failure(error: &SpawnerError) -> bool {
    match error {
        SpawnerError::Workspace(_)
        | SpawnerError::Image(_)
        | SpawnerError::Runtime { .. }
        | SpawnerError::Refused(_)
        | SpawnerError::Root(_) => false,
        SpawnerError::Engine(_)
        | SpawnerError::Directory(_)
        | SpawnerError::Measure(_)
        | SpawnerError::Survey(_)
        | SpawnerError::Failed(_)
        | SpawnerError::Unreachable { .. } => true,
    }
}

async fn timed<T>(call: &'static str, work: impl Future<Output = Result<T, SpawnerError>>) -> Result<T, SpawnerError> {
    let began = Instant::now();
    let outcome = work.await;
    SPAWNER_CALLS.took([call], began.elapsed());
    counted(call, outcome)
}

fn counted<T>(call: &'static str, outcome: Result<T, SpawnerError>) -> Result<T, SpawnerError> {
    outcome.inspect_err(|error| {
        if is_failure(error) {
            SPAWNER_ERRORS.one([call]);
        }
    })
}

#[async_trait]
impl<S: Spawner> RootKeeper for Measured<S> {
    async fn prepare_roots(&self, new: NewRoots) -> Result<(), RootError> {
        self.0.prepare_roots(new).await
    }
}

#[async_trait]
impl<S: Spawner> Spawner for Measured<S> {
    async fn describe(&self) -> Result<String, SpawnerError> {
        timed("describe", self.0.describe()).await
    }

    async fn find_image(&self, image: Option<&str>) -> Result<String, SpawnerError> {
        timed("find_image", self.0.find_image(image)).await
    }

    async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError> {
        timed("check_runtime", self.0.check_runtime(name)).await
    }

    async fn find_workspace(&self, path: &WorkspacePath) -> Result<FoundWorkspace, SpawnerError> {
        timed("find_workspace", self.0.find_workspace(path)).await
    }

    async fn open(&self, order: Order) -> Result<Opened, SpawnerError> {
        timed("open", self.0.open(order)).await
    }

    async fn start(&self, id: &EngineId) -> Result<(), SpawnerError> {
        timed("start", self.0.start(id)).await
    }

    async fn wait(&self, id: &EngineId) -> Result<Exit, SpawnerError> {
        counted("wait", self.0.wait(id).await)
    }

    async fn free_bytes(&self, id: &EngineId) -> Result<u64, SpawnerError> {
        timed("free_bytes", self.0.free_bytes(id)).await
    }

    async fn measure(&self, id: &EngineId, most_files: u64) -> Result<WorkspaceSize, SpawnerError> {
        timed("measure", self.0.measure(id, most_files)).await
    }

    async fn survey(&self, id: &EngineId) -> Result<(), SpawnerError> {
        timed("survey", self.0.survey(id)).await
    }

    async fn compare(&self, id: &EngineId, quarantine: bool) -> Result<Option<Changes>, SpawnerError> {
        timed("compare", self.0.compare(id, quarantine)).await
    }

    async fn remove(&self, id: &EngineId) -> Result<(), SpawnerError> {
        timed("remove", self.0.remove(id)).await
    }

    async fn list(&self) -> Result<Vec<Labels>, SpawnerError> {
        timed("list", self.0.list()).await
    }

    async fn last_drill(&self) -> Result<Option<serde_json::Value>, SpawnerError> {
        timed("last_drill", self.0.last_drill()).await
    }

    async fn sweep(&self) -> Result<usize, SpawnerError> {
        timed("sweep", self.0.sweep()).await
    }
}
