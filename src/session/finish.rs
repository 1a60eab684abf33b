//! Ending turns and deleting sessions at a caller's request.

use std::time::Duration;

use tokio::sync::oneshot;

use super::supervisor::Request;
use super::{CancelError, DeleteError, Registry, ending};
use crate::domain::{SeedStatus, SessionId, SessionOverview, SessionState, TenantId, Timestamp, TurnEnd};
use crate::store::{LiveTurn, StoreError};

/// How often who waits for a session's sandbox to end looks whether it cannot be ended.
const LINGERING_CHECK: Duration = Duration::from_secs(5);

/// Sessions that are looked at together.
const PAGE: i64 = 500;

impl Registry {
    /// Cancels the turn under way of a session.
    pub(super) async fn cancel_turn(&self, tenant: TenantId, id: SessionId) -> Result<(), CancelError> {
        let overview = self.find(tenant, id).await?.ok_or(CancelError::NotFound)?;
        if overview.session.state != SessionState::Idle
            && (self.ask_to_cancel(id).await? || self.end_without_supervisor(&LiveTurn::of(&overview)).await?)
        {
            return Ok(());
        }
        let overview = self.find(tenant, id).await?.ok_or(CancelError::NotFound)?;
        Err(CancelError::NotRunning(overview.seed_status()))
    }

    /// Cancels a turn, unless it is over.
    pub(super) async fn cancel_this(&self, turn: &LiveTurn) -> Result<(), StoreError> {
        let is_supervised = self.shared().live().get(&turn.session).is_some_and(|live| live.turn == turn.turn);
        if !(is_supervised && self.ask_to_cancel(turn.session).await?) {
            self.end_without_supervisor(turn).await?;
        }
        Ok(())
    }

    /// Has the session's supervisor cancel its turn. Returns whether it did.
    async fn ask_to_cancel(&self, id: SessionId) -> Result<bool, StoreError> {
        let Some(inbox) = self.shared().live().get(&id).map(|live| live.inbox.clone()) else { return Ok(false) };
        let (answer, answered) = oneshot::channel();
        if inbox.send(Request::Cancel(answer)).await.is_err() {
            return Ok(false);
        }
        // A supervisor that is done does not answer.
        answered.await.unwrap_or(Ok(false))
    }

    /// Cancels a turn that no supervisor ended: it has none, or one that could not store the end. Returns whether this ended
    /// it.
    async fn end_without_supervisor(&self, turn: &LiveTurn) -> Result<bool, StoreError> {
        let ended = ending::end(self.shared(), turn, &TurnEnd::cancelled()).await?;
        let appointed = self.shared().live().get(&turn.session).map(|live| live.inbox.clone());
        if let Some(inbox) = appointed.filter(|_| ended) {
            // One that was appointed meanwhile learns in this way that the turn is over.
            let _ = inbox.try_send(Request::Cancel(oneshot::channel().0));
        }
        Ok(ended)
    }

    /// Cancels every turn of a tenant that is under way or waits.
    pub(super) async fn cancel_turns(&self, tenant: TenantId) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.shared().store.sessions().live_page(Some(tenant), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.place());
            for turn in &page {
                if let Err(CancelError::Store(error)) = self.cancel_turn(tenant, turn.session).await {
                    return Err(error);
                }
            }
        }
    }

    /// Deletes a session at rest.
    pub(super) async fn delete_session(&self, tenant: TenantId, id: SessionId) -> Result<SeedStatus, DeleteError> {
        let overview = self.find(tenant, id).await?.ok_or(DeleteError::NotFound)?;
        if overview.session.state != SessionState::Idle {
            return Err(DeleteError::Running);
        }
        let status = overview.seed_status();
        let mut done = std::pin::pin!(self.wait_until_done(&overview));
        while tokio::time::timeout(LINGERING_CHECK, &mut done).await.is_err() {
            if self.lingers(tenant, id).await? {
                return Err(DeleteError::Running);
            }
        }
        if self.shared().store.sessions().delete(tenant, id, self.shared().clock.now()).await? {
            self.remove_files(id).await;
            return Ok(status);
        }
        match self.find(tenant, id).await? {
            Some(_) => Err(DeleteError::Running),
            None => Err(DeleteError::NotFound),
        }
    }

    /// Deletes a tenant's sessions at rest whose last turn ended before `moment`.
    pub(super) async fn delete_ended(&self, tenant: TenantId, moment: Timestamp) -> Result<u64, StoreError> {
        let (mut deleted, mut after) = (0, None);
        loop {
            let page = self.shared().store.sessions().ended_before(tenant, moment, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(deleted) };
            after = Some(*last);
            for id in page {
                match self.delete_session(tenant, id).await {
                    Ok(_) => deleted += 1,
                    // Somebody else was quicker to delete or to resume it.
                    Err(DeleteError::NotFound | DeleteError::Running) => {}
                    Err(DeleteError::Store(error)) => return Err(error),
                }
            }
        }
    }

    /// Waits until the sandbox of a turn that is over is gone, and nothing is written to the session any more.
    async fn wait_until_done(&self, overview: &SessionOverview) {
        let done = self
            .shared()
            .live()
            .get(&overview.session.id)
            .filter(|live| live.turn == overview.turn.id)
            .map(|live| live.done.clone());
        if let Some(done) = done {
            done.cancelled().await;
        }
    }
}
