//! A spawner whose calls are counted, timed and bounded in time, whichever process it is in.

use std::num::NonZeroU64;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use super::{
    Comparison, EngineId, Exit, FoundWorkspace, Labels, NewRoots, Opened, Order, RootError, RootKeeper, Spawner,
    SpawnerError, Swept, WorkspacePath, WorkspaceSize,
};
use crate::config::Config;
use crate::domain::{Changes, SandboxName, TenantId};
use crate::metrics::catalogue::{SPAWNER_CALLS, SPAWNER_ERRORS};

/// A spawner that is measured. Waiting for a sandbox's end is no work of its, and neither timed nor bounded.
#[derive(Debug)]
pub struct Measured<S> {
    spawner: S,
    limits: CallLimits,
}

/// How long a spawner may take to answer.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// A call like another.
    pub call: Duration,
    /// One that walks through a workspace, or removes what an earlier run left.
    pub walk: Duration,
}

impl CallLimits {
    /// As they are set.
    pub fn of(config: &Config) -> Self {
        let limit = |ms: NonZeroU64| Duration::from_millis(ms.get());
        Self { call: limit(config.spawner.call_timeout_ms), walk: limit(config.spawner.walk_timeout_ms) }
    }

    fn of_call(&self, call: &str) -> Duration {
        if matches!(call, "measure" | "survey" | "compare" | "sweep" | "prepare_roots") { self.walk } else { self.call }
    }
}

impl<S> Measured<S> {
    /// Measures what `spawner` does, which may take as long as `limits` say.
    pub fn new(spawner: S, limits: CallLimits) -> Self {
        for call in ["open", "start", "remove", "measure", "survey", "compare"] {
            SPAWNER_ERRORS.begin([call]);
        }
        Self { spawner, limits }
    }

    async fn timed<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, SpawnerError>>,
    ) -> Result<T, SpawnerError> {
        let (began, limit) = (Instant::now(), self.limits.of_call(call));
        let outcome = timeout(limit, work).await.unwrap_or(Err(SpawnerError::TimedOut { call, limit }));
        SPAWNER_CALLS.took([call], began.elapsed());
        counted(call, outcome)
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
        | SpawnerError::SurveyLost(_)
        | SpawnerError::StillThere
        | SpawnerError::Failed(_)
        | SpawnerError::TimedOut { .. }
        | SpawnerError::Unreachable { .. } => true,
    }
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
        let limit = self.limits.of_call("prepare_roots");
        timeout(limit, self.spawner.prepare_roots(new)).await.unwrap_or_else(|_| {
            Err(RootError::Spawner(Box::new(SpawnerError::TimedOut { call: "prepare_roots", limit })))
        })
    }
}

#[async_trait]
impl<S: Spawner> Spawner for Measured<S> {
    async fn describe(&self) -> Result<String, SpawnerError> {
        self.timed("describe", self.spawner.describe()).await
    }

    async fn find_image(&self, image: Option<&str>) -> Result<String, SpawnerError> {
        self.timed("find_image", self.spawner.find_image(image)).await
    }

    async fn check_runtime(&self, name: &str) -> Result<(), SpawnerError> {
        self.timed("check_runtime", self.spawner.check_runtime(name)).await
    }

    async fn find_workspace(&self, path: &WorkspacePath) -> Result<FoundWorkspace, SpawnerError> {
        self.timed("find_workspace", self.spawner.find_workspace(path)).await
    }

    async fn open(&self, order: Order) -> Result<Opened, SpawnerError> {
        self.timed("open", self.spawner.open(order)).await
    }

    async fn start(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.timed("start", self.spawner.start(id)).await
    }

    async fn wait(&self, id: &EngineId) -> Result<Exit, SpawnerError> {
        counted("wait", self.spawner.wait(id).await)
    }

    async fn free_bytes(&self, id: &EngineId) -> Result<u64, SpawnerError> {
        self.timed("free_bytes", self.spawner.free_bytes(id)).await
    }

    async fn measure(&self, id: &EngineId, most_files: u64) -> Result<WorkspaceSize, SpawnerError> {
        self.timed("measure", self.spawner.measure(id, most_files)).await
    }

    async fn survey(&self, id: &EngineId) -> Result<(), SpawnerError> {
        self.timed("survey", self.spawner.survey(id)).await
    }

    async fn compare(
        &self,
        tenant: TenantId,
        name: SandboxName,
        comparison: Comparison,
    ) -> Result<Changes, SpawnerError> {
        self.timed("compare", self.spawner.compare(tenant, name, comparison)).await
    }

    async fn forget(&self, name: SandboxName) -> Result<(), SpawnerError> {
        self.timed("forget", self.spawner.forget(name)).await
    }

    async fn remove(&self, name: SandboxName) -> Result<(), SpawnerError> {
        self.timed("remove", self.spawner.remove(name)).await
    }

    async fn list(&self) -> Result<Vec<Labels>, SpawnerError> {
        self.timed("list", self.spawner.list()).await
    }

    async fn last_drill(&self) -> Result<Option<serde_json::Value>, SpawnerError> {
        self.timed("last_drill", self.spawner.last_drill()).await
    }

    async fn sweep(&self, kept: &[SandboxName]) -> Result<Swept, SpawnerError> {
        self.timed("sweep", self.spawner.sweep(kept)).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::super::Remote;
    use super::*;

    /// A spawner that listens and never answers.
    fn silent(directory: &tempfile::TempDir) -> (UnixListener, Measured<Remote>) {
        let socket = directory.path().join("spawner.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let limits = CallLimits { call: Duration::from_mins(3), walk: Duration::from_mins(30) };
        (listener, Measured::new(Remote::new(socket), limits))
    }

    #[tokio::test(start_paused = true)]
    async fn call_to_hanging_spawner_ends_within_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let (_listener, spawner) = silent(&directory);
        let id = EngineId("c".to_owned());
        let path = WorkspacePath { root: "/".into(), relative: "".into() };
        let order = Order::test(path.clone());
        let name = order.name();
        let calls: [(&str, u64, Result<(), SpawnerError>); 14] = [
            ("describe", 180_000, spawner.describe().await.map(drop)),
            ("find_image", 180_000, spawner.find_image(None).await.map(drop)),
            ("check_runtime", 180_000, spawner.check_runtime("runc").await),
            ("find_workspace", 180_000, spawner.find_workspace(&path).await.map(drop)),
            ("open", 180_000, spawner.open(Order::test(path.clone())).await.map(drop)),
            ("start", 180_000, spawner.start(&id).await),
            ("free_bytes", 180_000, spawner.free_bytes(&id).await.map(drop)),
            ("measure", 1_800_000, spawner.measure(&id, 1).await.map(drop)),
            ("survey", 1_800_000, spawner.survey(&id).await),
            ("compare", 1_800_000, spawner.compare(order.tenant, name, Comparison::default()).await.map(drop)),
            ("forget", 180_000, spawner.forget(name).await),
            ("remove", 180_000, spawner.remove(name).await),
            ("list", 180_000, spawner.list().await.map(drop)),
            ("sweep", 1_800_000, spawner.sweep(&[]).await.map(drop)),
        ];
        for (call, ms, outcome) in calls {
            let error = outcome.unwrap_err().to_string();
            assert_eq!(error, format!("the spawner did not answer `{call}` within {ms} ms: check that it works"));
        }
    }
}
