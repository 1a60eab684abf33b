//! The reconciler makes the world match the rows: at the start, when no session is live but some were.
//!
//! It takes no input and may be run again after any crash. A sandbox of this installation belongs to nobody any more and
//! is removed; a turn that was under way has ended; a turn that still waited is taken up again.

use tracing::warn;

use super::supervisor::interrupted;
use super::{Registry, changes, ending};
use crate::admission::Bounds;
use crate::domain::SessionState;
use crate::metrics::catalogue::{ORPHANS_REMOVED, TURNS_LOST_AT_START};
use crate::spawner::SpawnerError;
use crate::store::StoreError;

/// Why the world could not be matched to the rows.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The spawner failed.
    #[error("sandboxes of an earlier run could not be removed")]
    Spawner(#[from] SpawnerError),
    /// The store failed.
    #[error("turns of an earlier run could not be ended")]
    Store(#[from] StoreError),
}

impl Registry {
    /// Clears away what an earlier run of the server left, and takes up what still waits.
    ///
    /// # Errors
    /// When the spawner or the store fails; what was done until then is not undone, and need not be.
    pub async fn reconcile(&self) -> Result<(), ReconcileError> {
        self.sweep_files().await?;
        let shared = self.shared();
        let orphans = shared.maker.spawner().sweep().await?;
        ORPHANS_REMOVED.add([], orphans as u64);
        let orphans = shared.store.ledger().settle_orphans(shared.clock.now()).await?;
        if orphans > 0 {
            warn!(
                calls = orphans,
                "model calls were under way when the server ended: each is charged the most it could cost"
            );
        }
        let mut lost = 0;
        for overview in shared.store.sessions().list_live().await? {
            let session = &overview.session;
            if session.state == SessionState::Queued {
                // It was admitted before the restart, and is not refused now.
                let bounds =
                    Bounds { waiting: usize::MAX, waiting_bytes: u64::MAX, ..self.bounds_of(session.tenant).await? };
                let bytes = overview.turn.spec.text_bytes() + overview.turn.prompt.len() as u64;
                let Ok(ticket) = shared.queue.enter(session.tenant, bounds, bytes) else { continue };
                self.supervise(session.tenant, session.id, ticket).await?;
            } else {
                ending::end(shared, &overview, &interrupted()).await?;
                lost += 1;
                changes::record_unknown(shared, &overview).await?;
            }
        }
        TURNS_LOST_AT_START.set([], f64::from(lost));
        Ok(())
    }
}
