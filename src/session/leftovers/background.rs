//! All sandboxes that are not done with: settled in the background, and asked about.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};

use super::settling::{failed, settle};
use crate::domain::{PendingSandbox, PendingState, SandboxName, SessionId, TenantId};
use crate::session::{Registry, StartError};
use crate::spawner::WorkspacePath;
use crate::store::StoreError;

/// How often is looked what is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a start waits for a sandbox that is ending, and how often it looks. After a restart most end within a second.
const START_WAIT: Duration = Duration::from_secs(10);
const START_LOOK_EVERY: Duration = Duration::from_millis(200);

/// Sandboxes that are worked on at the same time, and looked up at once.
const AT_ONCE: usize = 4;
const BATCH: u32 = 50;

impl Registry {
    /// Does in the background what is due about sandboxes of turns that are over; `remaining` are those of an earlier run that
    /// could not be removed and of which nothing is stored.
    pub(in crate::session) fn keep_settling(&self, mut remaining: Vec<SandboxName>) {
        let (registry, stopping) = (self.clone(), self.shared().tasks.stopping().clone());
        self.shared().tasks.spawn("pending sandboxes", async move {
            while !stopping.is_cancelled() {
                let mut kept = Vec::new();
                for name in remaining {
                    if registry.shared().maker.spawner().remove(name).await.is_err() {
                        kept.push(name);
                    }
                }
                remaining = kept;
                if let Err(error) = registry.settle_due().await {
                    failed(&error);
                }
                stopping.run_until_cancelled(sleep(LOOK_EVERY)).await;
            }
        });
    }

    /// Does what is due about sandboxes whose sessions no supervisor has.
    ///
    /// # Errors
    /// When the store fails.
    pub(in crate::session) async fn settle_due(&self) -> Result<(), StoreError> {
        let shared = self.shared();
        let due = shared.store.pending().due(shared.clock.now(), BATCH).await?;
        let due = due.into_iter().filter(|pending| !shared.is_live(pending.name.session));
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |pending| async move {
                if !shared.tasks.stopping().is_cancelled() {
                    settle(shared, pending).await;
                }
            })
            .await;
        Ok(())
    }

    /// Waits a while until no sandbox that could not be ended yet is at work in a directory, or above or below it.
    pub(in crate::session) async fn wait_until_free(
        &self,
        tenant: TenantId,
        workspace: &WorkspacePath,
    ) -> Result<(), StartError> {
        let deadline = Instant::now() + START_WAIT;
        loop {
            match self.check_free(tenant, workspace).await {
                Err(StartError::Lingering) if Instant::now() < deadline => sleep(START_LOOK_EVERY).await,
                checked => return checked,
            }
        }
    }

    /// Checks that no sandbox that could not be ended is still at work in a directory, or above or below it.
    pub(in crate::session) async fn check_free(
        &self,
        tenant: TenantId,
        workspace: &WorkspacePath,
    ) -> Result<(), StartError> {
        let asked = workspace.root.join(&workspace.relative);
        let lingering = self.shared().store.pending().lingering(tenant).await?;
        let overlaps = |other: &Path| other.starts_with(&asked) || asked.starts_with(other);
        if lingering.iter().any(|other| overlaps(other)) { Err(StartError::Lingering) } else { Ok(()) }
    }

    /// Whether a sandbox of a tenant's session could not be ended yet.
    pub(in crate::session) async fn lingers(&self, tenant: TenantId, session: SessionId) -> Result<bool, StoreError> {
        let found = self.shared().store.pending().of_session(tenant, session).await?;
        Ok(found.iter().any(|pending| pending.state == PendingState::Removing))
    }

    /// Whether it is not known yet what a tenant's session changed, and why; `None` when nothing is to come.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn changes_pending(&self, tenant: TenantId, session: SessionId) -> Result<Option<String>, StoreError> {
        let is_live = self.is_live(session);
        let found = self.shared().store.pending().of_session(tenant, session).await?;
        let waiting = found.into_iter().find(|pending| pending.state != PendingState::Incomplete);
        let why = |pending: PendingSandbox| match (pending.state, pending.error) {
            (PendingState::Removing, _) => "the sandbox was killed and has not ended yet".to_owned(),
            (PendingState::Comparing, Some(_)) => {
                "the workspace could not be looked at yet; the server's log says why".to_owned()
            }
            _ => "the workspace is looked at when the sandbox has ended".to_owned(),
        };
        let at_work = || is_live.then(|| "a turn is under way, or was a moment ago".to_owned());
        Ok(waiting.map(why).or_else(at_work))
    }
}
