//! What others change outside this server: a command writes to the same database, and the server's copies do not know.

use super::{Store, StoreError, codec};
use crate::domain::Action;

/// How far this server has read the audit for its copies.
#[derive(Clone, Copy, Debug)]
pub struct Following {
    seen: i64,
}

impl Store {
    /// Begins to follow what others change from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn follow(&self) -> Result<Following, StoreError> {
        Ok(Following { seen: self.audit().last().await? })
    }

    /// Drops the copies of what was changed since. Returns whether anything was.
    ///
    /// # Errors
    /// When the store fails: the same is read again the next time.
    pub async fn catch_up(&self, following: &mut Following) -> Result<bool, StoreError> {
        let entries = self.audit().after(following.seen).await?;
        for entry in &entries {
            match entry.action {
                Action::CorrectCall => self.mark_session_of_call(&entry.target).await?,
                // Which sessions went is not written down.
                Action::CleanUp if entry.actor.starts_with("uid:") => {
                    self.cache.clear();
                    self.lists.clear();
                    self.space.note_deletion();
                }
                _ => {}
            }
            following.seen = entry.seq;
        }
        Ok(!entries.is_empty())
    }

    async fn mark_session_of_call(&self, call: &str) -> Result<(), StoreError> {
        let row = sqlx::query("select tenant_id, session_id from ledger where id = $1")
            .bind(call)
            .fetch_optional(&self.read)
            .await?;
        if let Some(row) = row {
            let (tenant, session) = (codec::parsed(&row, "tenant_id")?, codec::parsed(&row, "session_id")?);
            self.cache.mark(session);
            self.lists.mark(tenant, session);
        }
        Ok(())
    }
}
