//! The reconciler makes the world match the rows: at the start, when no session is live but some were, and every while after.
//!
//! It takes no input and may be run again after any crash. A sandbox of this installation belongs to nobody any more and
//! is removed; a turn that was under way has ended; a turn that still waited is taken up again. Afterwards it looks for
//! turns that no supervisor has: one whose end could not be stored, for instance.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tracing::{error, warn};

use super::supervisor::interrupted;
use super::{Registry, changes, ending, leftovers};
use crate::admission::Bounds;
use crate::domain::{SessionState, TenantId, TurnId};
use crate::metrics::catalogue::{ORPHANS_REMOVED, TURNS_LOST_AT_START};
use crate::spawner::SpawnerError;
use crate::store::{LiveTurn, StoreError};

/// Turns that are looked at together: of each only its ids are read.
const PAGE: i64 = 500;

/// How often turns without a supervisor are looked for. One is taken up when it is found a second time.
const EVERY: Duration = Duration::from_secs(30);

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
    /// Clears away what an earlier run of the server left, and takes up what still waits. From then on turns that have no
    /// supervisor are looked for in the background.
    ///
    /// # Errors
    /// When the spawner or the store fails; what was done until then is not undone, and need not be.
    pub async fn reconcile(&self) -> Result<(), ReconcileError> {
        self.sweep_files().await?;
        let shared = self.shared();
        let pending = shared.store.pending().all().await?;
        let names: Vec<_> = pending.iter().map(|pending| pending.name).collect();
        let swept = shared.maker.spawner().sweep(&names).await?;
        ORPHANS_REMOVED.add([], swept.removed as u64);
        let orphans = shared.store.ledger().settle_orphans(shared.clock.now()).await?;
        if orphans > 0 {
            warn!(
                calls = orphans,
                "model calls were under way when the server ended: each is charged the most it could cost"
            );
        }
        leftovers::adopt(shared, pending, &swept.remaining).await?;
        self.keep_following().await?;
        let lost = self.take_up(|_| true).await?;
        TURNS_LOST_AT_START.set([], f64::from(lost));
        self.keep_settling(swept.remaining);
        let (registry, stopping) = (self.clone(), shared.tasks.stopping().clone());
        shared.tasks.spawn("reconciler", async move {
            let mut suspects = HashSet::new();
            while stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
                if let Err(error) = registry.adopt_strays(&mut suspects).await {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "turns without a supervisor could not be looked for"
                    );
                }
            }
        });
        Ok(())
    }

    /// Takes up the turns that have no supervisor now and had none at the pass before; `suspects` are those of that pass, and
    /// then those of this one.
    pub(super) async fn adopt_strays(&self, suspects: &mut HashSet<TurnId>) -> Result<(), StoreError> {
        let before = std::mem::take(suspects);
        self.take_up(|turn| {
            let is_stray = !self.shared().is_live(turn.session);
            // A command may be just about to appoint the supervisor of one that is found for the first time.
            if is_stray && !before.contains(&turn.turn) {
                suspects.insert(turn.turn);
            }
            is_stray && before.contains(&turn.turn)
        })
        .await?;
        Ok(())
    }

    /// Takes up those turns under way that `chosen` chooses: one that waits is put under a supervisor, one that was at work is
    /// ended. Returns how many were ended.
    async fn take_up(&self, mut chosen: impl FnMut(&LiveTurn) -> bool) -> Result<u32, StoreError> {
        let shared = self.shared();
        let (mut ended, mut after, mut bounds) = (0, None, HashMap::new());
        loop {
            let page = shared.store.sessions().live_page(None, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(ended) };
            after = Some(last.place());
            for turn in page {
                if !chosen(&turn) {
                    continue;
                }
                if turn.state == SessionState::Queued {
                    let bounds = self.readmission(turn.tenant, &mut bounds).await?;
                    let Ok(ticket) = shared.queue.enter(turn.tenant, bounds, turn.request_bytes) else { continue };
                    self.supervise(turn, ticket);
                } else {
                    ending::end(shared, &turn, &interrupted()).await?;
                    ended += 1;
                    if shared.store.pending().of_turn(&turn).await?.is_empty() {
                        changes::record_unknown(shared, &turn).await?;
                    }
                }
            }
        }
    }

    /// The bounds of a turn that was admitted before, and is not refused now.
    async fn readmission(&self, tenant: TenantId, known: &mut HashMap<TenantId, Bounds>) -> Result<Bounds, StoreError> {
        if let Some(bounds) = known.get(&tenant) {
            return Ok(*bounds);
        }
        let bounds = Bounds { waiting: usize::MAX, waiting_bytes: u64::MAX, ..self.bounds_of(tenant).await? };
        known.insert(tenant, bounds);
        Ok(bounds)
    }
}
