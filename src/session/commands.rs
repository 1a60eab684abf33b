//! What callers ask of sessions, each run to its end: a caller that leaves takes nothing back half done.
//!
//! A handler is dropped when its connection is. So every command that changes something is a task of its own, and the
//! handler only waits for it.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::error;

use super::{CancelError, DeleteError, Registry, ResumeError, StartError};
use crate::domain::{KeyId, SeedStatus, SessionId, SessionLimits, Tenant, TenantId, Timestamp, TurnSpec};
use crate::store::StoreError;
use crate::telemetry::TraceContext;

impl Registry {
    /// Runs `command` to its end, and returns what it returned. Cancel-safe: dropping the future does not drop the command.
    pub async fn detached<T: Send + 'static>(
        &self,
        name: &'static str,
        command: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (sender, outcome) = oneshot::channel();
        let work = async move {
            let outcome = AssertUnwindSafe(command).catch_unwind().await;
            if let Err(Err(_)) = sender.send(outcome) {
                error!(command = name, "command panicked after its caller had left");
            }
        };
        let work = TraceContext::current().around(work);
        self.shared().tasks.spawn(name, self.shared().commands.track_future(work));
        match outcome.await {
            Ok(Ok(value)) => value,
            // As if the command had been run by the caller itself.
            Ok(Err(panic)) => resume_unwind(panic),
            // The runtime is being dropped, and the caller with it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Starts a session in the directory `cwd` names, and answers its id once it is stored, and the limits that were applied,
    /// if any were asked for.
    ///
    /// # Errors
    /// When the directory or the environment is refused, the server is stopping, or the store fails.
    pub async fn start(
        &self,
        tenant: &Tenant,
        key: &KeyId,
        cwd: Option<&str>,
        prompt: String,
        spec: TurnSpec,
    ) -> Result<(SessionId, Option<SessionLimits>), StartError> {
        let (registry, tenant, key) = (self.clone(), tenant.clone(), key.clone());
        let cwd = cwd.map(str::to_owned);
        // Waited for by the caller itself, so that what it asks goes with it if it leaves.
        let permit = registry.shared().beginnings.acquire(tenant.id).await;
        let command = async move {
            let _permit = permit;
            registry.begin_session(&tenant, &key, cwd.as_deref(), prompt, spec).await
        };
        self.detached("start", command).await
    }

    /// Begins a further turn of a session whose agent has spoken, and answers the limits that were applied, if any were asked
    /// for.
    ///
    /// # Errors
    /// When there is no such session, it is at work, has no conversation, or the turn is refused as a start is.
    pub async fn resume(
        &self,
        tenant: &Tenant,
        key: &KeyId,
        id: SessionId,
        cwd: Option<&str>,
        prompt: String,
        spec: TurnSpec,
    ) -> Result<Option<SessionLimits>, ResumeError> {
        let (registry, tenant, key) = (self.clone(), tenant.clone(), key.clone());
        let cwd = cwd.map(str::to_owned);
        let permit = registry.shared().beginnings.acquire(tenant.id).await;
        let command = async move {
            let _permit = permit;
            registry.begin_turn(&tenant, &key, id, cwd.as_deref(), prompt, spec).await
        };
        self.detached("resume", command).await
    }

    /// Cancels the turn under way. Returns once that is stored; the agent is stopped after.
    ///
    /// # Errors
    /// When there is no such session, no turn is under way, or the store fails.
    pub async fn cancel(&self, tenant: TenantId, id: SessionId) -> Result<(), CancelError> {
        let registry = self.clone();
        self.detached("cancel", async move { registry.cancel_turn(tenant, id).await }).await
    }

    /// Cancels every turn of a tenant that is under way or waits.
    ///
    /// # Errors
    /// When the store fails; what was cancelled until then stays cancelled.
    pub async fn cancel_all(&self, tenant: TenantId) -> Result<(), StoreError> {
        let registry = self.clone();
        self.detached("cancel all", async move { registry.cancel_turns(tenant).await }).await
    }

    /// Deletes a session at rest, and answers how it stood.
    ///
    /// # Errors
    /// When there is no such session, a turn is under way, or the store fails.
    pub async fn delete(&self, tenant: TenantId, id: SessionId) -> Result<SeedStatus, DeleteError> {
        let registry = self.clone();
        self.detached("delete", async move { registry.delete_session(tenant, id).await }).await
    }

    /// Deletes the tenant's sessions at rest whose last turn ended before `moment`, and answers how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cleanup(&self, tenant: TenantId, moment: Timestamp) -> Result<u64, StoreError> {
        let registry = self.clone();
        self.detached("cleanup", async move { registry.delete_ended(tenant, moment).await }).await
    }
}
