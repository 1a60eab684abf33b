//! From a sandbox's making to its removal. What was already so is no error, where the trait promises that.

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, RemoveContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;

use super::{Docker, host_config};
use crate::engine::{Engine, EngineError, EngineId, Exit, FoundSandbox, Image, SandboxSpec};

/// Docker's answer: there is no such thing.
pub(super) const NOT_FOUND: u16 = 404;
/// Docker's answer: not in the state it is in.
pub(super) const CONFLICT: u16 = 409;
/// Docker's answer: it could not.
const FAILED: u16 = 500;

#[async_trait]
impl Engine for Docker {
    async fn describe(&self) -> Result<String, EngineError> {
        self.description().await
    }

    async fn runtimes(&self) -> Result<Vec<String>, EngineError> {
        self.known_runtimes().await
    }

    async fn find_image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        self.image(reference).await
    }

    async fn create(&self, spec: &SandboxSpec) -> Result<EngineId, EngineError> {
        let container = host_config::container(spec).map_err(|unfit| EngineError::Create(unfit.into()))?;
        let options = CreateContainerOptions { name: Some(host_config::name(&spec.labels)), ..Default::default() };
        let created = self.client.create_container(Some(options), container).await;
        created.map(|created| EngineId(created.id)).map_err(|error| EngineError::Create(self.cause(error)))
    }

    async fn start(&self, id: &EngineId) -> Result<(), EngineError> {
        self.client.start_container(&id.0, None).await.map_err(|error| EngineError::Start(self.cause(error)))
    }

    async fn wait(&self, id: &EngineId) -> Result<Exit, EngineError> {
        let failed = |error| EngineError::Wait(self.cause(error));
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let code = match self.client.wait_container(&id.0, Some(options)).next().await {
            Some(Ok(answer)) => answer.status_code,
            // How bollard says that the code is not 0.
            Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) => return Err(failed(error)),
            // Docker itself ended; what becomes of the sandbox is for the next call to find out.
            None => return Err(failed(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())),
        };
        let state = match self.client.inspect_container(&id.0, None).await {
            Ok(container) => container.state,
            // Removed since: the code is all there is to know.
            Err(error) if status(&error) == Some(NOT_FOUND) => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Exit { code, out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or(false) })
    }

    async fn kill(&self, id: &EngineId) -> Result<(), EngineError> {
        let options = KillContainerOptions { signal: "SIGKILL".to_owned() };
        match self.client.kill_container(&id.0, Some(options)).await {
            // Gone, or not running.
            Err(error) if matches!(status(&error), Some(NOT_FOUND | CONFLICT)) => Ok(()),
            result => result.map_err(|error| EngineError::Kill(self.cause(error))),
        }
    }

    async fn remove(&self, id: &EngineId) -> Result<(), EngineError> {
        let options = || Some(RemoveContainerOptions { v: true, force: true, ..Default::default() });
        let mut removed = self.client.remove_container(&id.0, options()).await;
        if removed.as_ref().is_err_and(|error| status(error) == Some(FAILED)) {
            // One that ends by itself in that moment cannot be killed, and Docker gives up. Now it has ended.
            removed = self.client.remove_container(&id.0, options()).await;
        }
        match removed {
            // Gone, or being removed at another's wish.
            Err(error) if matches!(status(&error), Some(NOT_FOUND | CONFLICT)) => Ok(()),
            result => result.map_err(|error| EngineError::Remove(self.cause(error))),
        }
    }

    async fn list(&self, installation: &str) -> Result<Vec<FoundSandbox>, EngineError> {
        self.containers(installation).await
    }

    async fn remove_remains(&self, installation: &str) -> Result<usize, EngineError> {
        self.remove_leaked_volumes(installation).await
    }
}

/// The status of Docker's answer, if it gave one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::extract::Request;
    use axum::http::{Method, StatusCode};
    use axum::{Json, Router};
    use serde_json::json;
    use tokio::net::UnixListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::lifecycle::Tasks;

    /// A Docker that fails to remove a container so many times.
    async fn docker(failures: u32, directory: &tempfile::TempDir, tasks: &Tasks) -> Docker {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        ASKED.store(0, Ordering::SeqCst);
        let answer = move |request: Request| async move {
            if request.method() == Method::GET {
                let version = json!({ "Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12" });
                return (StatusCode::OK, Json(version));
            }
            if ASKED.fetch_add(1, Ordering::SeqCst) < failures {
                let message = "Could not kill running container, cannot remove - Container is not running";
                return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": message })));
            }
            (StatusCode::NO_CONTENT, Json(json!(null)))
        };
        let app = Router::new().fallback(answer);
        let path = directory.path().join("docker.sock");
        let (listener, stopping): (_, CancellationToken) =
            (UnixListener::bind(&path).unwrap(), tasks.stopping().clone());
        tasks.spawn("docker", async move {
            let _ = axum::serve(listener, app).with_graceful_shutdown(stopping.cancelled_owned()).await;
        });
        Docker::connect(Some(&format!("unix://{}", path.display()))).await.unwrap()
    }

    #[tokio::test]
    async fn a_sandbox_that_ends_while_it_is_removed_is_removed_and_one_that_cannot_be_is_told_of() {
        for (failures, is_removed) in [(0, true), (1, true), (2, false)] {
            let (directory, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
            let removed = docker(failures, &directory, &tasks).await.remove(&EngineId("c".to_owned())).await;
            assert_eq!(removed.is_ok(), is_removed, "{failures}: {removed:?}");
            tasks.stop().await;
        }
    }
}
