//! From a sandbox's making to its removal. What was already so is no error, where the trait promises that.

use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, RemoveContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;

use super::connection::within;
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
        let name = EngineId(host_config::name(&spec.labels));
        let created = within(self.limits.create, self.client.create_container(Some(options), container)).await;
        let created = created.map_err(|error| EngineError::Create(self.cause(error)));
        match &created {
            Ok(_) => self.remove_doubtful().await,
            // It may make the sandbox yet.
            Err(error) if error.is_unreachable() => self.doubtful().push(name),
            Err(_) => {}
        }
        created.map(|created| EngineId(created.id))
    }

    async fn start(&self, id: &EngineId) -> Result<(), EngineError> {
        let started = within(self.limits.start, self.client.start_container(&id.0, None)).await;
        started.map_err(|error| EngineError::Start(self.cause(error)))
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
        let state = match within(self.limits.inspect, self.client.inspect_container(&id.0, None)).await {
            Ok(container) => container.state,
            // Removed since: the code is all there is to know.
            Err(error) if status(&error) == Some(NOT_FOUND) => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Exit { code, out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or(false) })
    }

    async fn kill(&self, id: &EngineId) -> Result<(), EngineError> {
        let options = KillContainerOptions { signal: "SIGKILL".to_owned() };
        match within(self.limits.kill, self.client.kill_container(&id.0, Some(options))).await {
            // Gone, or not running.
            Err(error) if matches!(status(&error), Some(NOT_FOUND | CONFLICT)) => Ok(()),
            result => result.map_err(|error| EngineError::Kill(self.cause(error))),
        }
    }

    async fn remove(&self, id: &EngineId) -> Result<(), EngineError> {
        let options = || Some(RemoveContainerOptions { v: true, force: true, ..Default::default() });
        let remove = || within(self.limits.remove, self.client.remove_container(&id.0, options()));
        let mut removed = remove().await;
        if removed.as_ref().is_err_and(|error| status(error) == Some(FAILED)) {
            // One that ends by itself in that moment cannot be killed, and Docker gives up. Now it has ended.
            removed = remove().await;
        }
        match removed {
            Err(error) if status(&error) == Some(NOT_FOUND) => Ok(()),
            // Docker also says so of one whose processes do not end: whether it goes is for the caller to find out.
            Err(error) if status(&error) == Some(CONFLICT) => Ok(()),
            result => result.map_err(|error| EngineError::Remove(self.cause(error))),
        }
    }

    async fn exists(&self, id: &EngineId) -> Result<bool, EngineError> {
        match self.client.inspect_container(&id.0, None).await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(NOT_FOUND) => Ok(false),
            Err(error) => Err(EngineError::List(self.cause(error))),
        }
    }

    async fn list(&self, installation: &str) -> Result<Vec<FoundSandbox>, EngineError> {
        self.containers(installation).await
    }

    async fn remove_remains(&self, installation: &str) -> Result<usize, EngineError> {
        self.remove_leaked_volumes(installation).await
    }
}

impl Docker {
    /// Removes what may have been created by calls that were not answered, now that Docker answers again.
    async fn remove_doubtful(&self) {
        let doubtful = std::mem::take(&mut *self.doubtful());
        for name in doubtful {
            match self.remove(&name).await {
                Ok(()) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        sandbox = name.0,
                        error,
                        "sandbox whose creation was not answered cannot be removed"
                    );
                    self.doubtful().push(name);
                    return;
                }
            }
        }
    }

    fn doubtful(&self) -> MutexGuard<'_, Vec<EngineId>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::time::Duration;

    use axum::extract::Request;
    use axum::http::{Method, StatusCode};
    use axum::{Json, Router};
    use serde_json::json;
    use tokio::net::UnixListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::engine::fake::sample_spec;
    use crate::engine::{Cause, TimeLimits};
    use crate::lifecycle::Tasks;

    /// A Docker that answers what it is, and nothing else.
    async fn hanging_docker(directory: &tempfile::TempDir, tasks: &Tasks) -> Docker {
        let answer = |request: Request| async move {
            if request.uri().path().ends_with("/version") {
                let version = json!({ "Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12" });
                return Json(version);
            }
            std::future::pending().await
        };
        let mut docker = serve(Router::new().fallback(answer), directory, tasks).await;
        docker.limits = TimeLimits::all(Duration::from_millis(100));
        docker
    }

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
        serve(Router::new().fallback(answer), directory, tasks).await
    }

    async fn serve(app: Router, directory: &tempfile::TempDir, tasks: &Tasks) -> Docker {
        let path = directory.path().join("docker.sock");
        let (listener, stopping): (_, CancellationToken) =
            (UnixListener::bind(&path).unwrap(), tasks.stopping().clone());
        tasks.spawn("docker", async move {
            let _ = axum::serve(listener, app).with_graceful_shutdown(stopping.cancelled_owned()).await;
        });
        let limits = TimeLimits::all(Duration::from_mins(1));
        Docker::connect(Some(&format!("unix://{}", path.display())), limits).await.unwrap()
    }

    #[tokio::test]
    async fn call_to_hanging_engine_ends_within_its_limit() {
        let (directory, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
        let docker = hanging_docker(&directory, &tasks).await;
        let id = EngineId("c".to_owned());
        let errors = [
            docker.runtimes().await.map(drop).unwrap_err(),
            docker.find_image("image").await.map(drop).unwrap_err(),
            docker.create(&sample_spec()).await.map(drop).unwrap_err(),
            docker.start(&id).await.unwrap_err(),
            docker.kill(&id).await.unwrap_err(),
            docker.remove(&id).await.unwrap_err(),
            docker.list("installation").await.map(drop).unwrap_err(),
            docker.remove_remains("installation").await.map(drop).unwrap_err(),
        ];
        for error in errors {
            let cause = error.cause().unwrap();
            let source = std::error::Error::source(cause).unwrap().to_string();
            assert!(matches!(cause, Cause::TimedOut { .. }) && error.is_unreachable(), "{error:?}");
            assert_eq!(source, "the engine did not answer within 100 ms", "{error}");
        }
        assert_eq!(docker.doubtful().len(), 1, "the created one may be there");
        tasks.stopping().cancel();
    }

    #[tokio::test]
    async fn connecting_to_hanging_engine_ends_within_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docker.sock");
        let _silent = UnixListener::bind(&path).unwrap();
        let limits = TimeLimits::all(Duration::from_millis(200));
        let error = Docker::connect(Some(&format!("unix://{}", path.display())), limits).await.unwrap_err();
        assert!(matches!(error.cause(), Some(Cause::TimedOut { .. })), "{error:?}");
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
