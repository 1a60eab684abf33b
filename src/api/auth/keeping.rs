//! Keeping verified keys in step with what operators change, and noting when they are used.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use super::Verifier;
use crate::domain::{Key, KeyId, KeyOwner, TenantId, Timestamp};
use crate::lifecycle::Tasks;
use crate::store::StoreError;

/// How often is looked whether anything was changed, and how often it is written when keys were last used.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const WRITE_EVERY: u32 = 60;

impl Verifier {
    /// Keeps in step with what others change, and writes when keys were used, until the process ends. To be called before
    /// the first key is verified: what was changed before that is read with the keys themselves.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep(self: Arc<Self>, tasks: &Tasks) -> Result<(), StoreError> {
        *self.seen.lock().await = self.store.audit().last().await?;
        self.read_ids().await;
        let stopping = tasks.stopping().clone();
        tasks.spawn("key keeper", async move {
            let mut ticks = interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for tick in 1_u32.. {
                if stopping.run_until_cancelled(ticks.tick()).await.is_none() {
                    break;
                }
                self.catch_up().await;
                if tick % WRITE_EVERY == 0 {
                    self.write_uses().await;
                }
            }
            self.write_uses().await;
        });
        Ok(())
    }

    /// Reads what operators have changed since it was last read, here or elsewhere, and forgets what was verified of it.
    /// What cannot be read is forgotten whole, so that nothing that was revoked is believed.
    pub async fn catch_up(&self) {
        let mut seen = self.seen.lock().await;
        match self.store.audit().after(*seen).await {
            Ok(entries) => {
                self.trouble.ends();
                if !entries.is_empty() {
                    self.read_ids().await;
                }
                for entry in entries {
                    *seen = entry.seq;
                    if entry.action.is_egress() {
                        continue;
                    }
                    match entry.target.parse::<TenantId>() {
                        Ok(tenant) => self.forget_if(|record| record.owner == KeyOwner::Tenant(tenant)),
                        Err(_) => self.forget_if(|record| record.id.as_str() == entry.target),
                    }
                }
            }
            Err(error) => {
                if self.trouble.begins() {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "the audit cannot be read: until it can, all keys are looked up anew"
                    );
                }
                self.forget_if(|_| true);
            }
        }
    }

    /// Reads which keys there are, so that made-up ids are not looked up for whoever sent too many.
    async fn read_ids(&self) {
        let ids = self.store.keys().ids().await.map(|ids| ids.into_iter().collect()).ok();
        *self.ids.write().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    fn forget_if(&self, is_changed: impl Fn(&Key) -> bool) {
        let mut forgotten = self.forgotten();
        *forgotten += 1;
        for (id, known) in &self.known {
            if is_changed(&known.record) {
                self.known.invalidate(&*id);
            }
        }
    }

    pub(super) fn note_use(&self, id: &KeyId, now: Timestamp) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), now);
    }

    /// Writes when keys were last used.
    async fn write_uses(&self) {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        let used: Vec<_> = used.into_iter().collect();
        if let Err(error) = self.store.keys().touch(&used).await {
            error!(error = &error as &dyn std::error::Error, "when keys were last used could not be written");
        }
    }
}
