//! Deleting sessions: hidden at once, and removed in small units, so that no write waits long for it. What was spent stays in
//! the ledger.

use sqlx::{Any, Transaction};

use super::{Budgets, Sessions, StoreError, codec, storage, windows};
use crate::domain::{SessionId, SessionState, TenantId, Timestamp};

/// Rows of a table that one unit deletes.
const ROWS: i64 = 200;

/// Sessions, and budgets, that are looked up together.
const BATCH: i64 = 100;

impl Sessions<'_> {
    /// Deletes a tenant's session with its turns, events and transcript, unless a turn is under way. The ledger
    /// keeps what was spent; its budgets are archived. Answers whether it was deleted.
    ///
    /// # Errors
    /// When the store fails. A session that is hidden already is removed later by [`Self::finish_deletions`].
    pub async fn delete(&self, tenant: TenantId, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let hidden = self.0.write_session(tenant, id, move |transaction| {
            Box::pin(async move {
                let idle = sqlx::query(
                    "select id from sessions where id = $1 and tenant_id = $2 and state = $3 and turn_count > 0",
                )
                .bind(id.to_string())
                .bind(tenant.to_string())
                .bind(SessionState::Idle.as_str())
                .fetch_optional(&mut **transaction)
                .await?;
                if idle.is_none() {
                    return Ok(None);
                }
                storage::forget(transaction, id).await?;
                windows::archive_of_session(transaction, id, now).await?;
                for statement in [
                    "delete from session_files where session_id = $1",
                    "delete from changes where session_id = $1",
                    "delete from turns where session_id = $1",
                    "update sessions set turn_count = 0, prompt = '', agent_session = null where id = $1",
                ] {
                    sqlx::query(statement).bind(id.to_string()).execute(&mut **transaction).await?;
                }
                remove_some(transaction, id).await.map(Some)
            })
        });
        let Some(mut is_gone) = hidden.await? else { return Ok(false) };
        self.0.space.note_deletion();
        while !is_gone {
            is_gone = self.remove_some(id).await?;
        }
        Ok(true)
    }

    /// Removes the sessions that are hidden: those whose deletion an earlier run did not get to the end of.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish_deletions(&self) -> Result<(), StoreError> {
        loop {
            let rows = sqlx::query("select id from sessions where turn_count = 0 limit $1")
                .bind(BATCH)
                .fetch_all(&self.0.read)
                .await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                let id = codec::parsed(row, "id")?;
                while !self.remove_some(id).await? {}
            }
            self.0.space.note_deletion();
        }
    }

    async fn remove_some(&self, id: SessionId) -> Result<bool, StoreError> {
        self.0.write(move |transaction| Box::pin(async move { remove_some(transaction, id).await })).await
    }
}

/// Removes some rows of a hidden session, and the session with the last of them. Returns whether it is gone.
async fn remove_some(transaction: &mut Transaction<'_, Any>, id: SessionId) -> Result<bool, StoreError> {
    for statement in [
        "delete from events where session_id = $1
            and seq in (select seq from events where session_id = $1 order by seq limit $2)",
        "delete from transcript where session_id = $1
            and line in (select line from transcript where session_id = $1 order by line limit $2)",
    ] {
        let removed = sqlx::query(statement).bind(id.to_string()).bind(ROWS).execute(&mut **transaction).await?;
        if removed.rows_affected() >= ROWS.unsigned_abs() {
            return Ok(false);
        }
    }
    sqlx::query("delete from sessions where id = $1 and turn_count = 0")
        .bind(id.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(true)
}

impl Budgets<'_> {
    /// Deletes the archived budgets of sessions that are gone, once no call of theirs is open. Returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let some = self.0.write(|transaction| Box::pin(async move { purge_some(transaction).await })).await?;
            purged += some;
            if some < BATCH.unsigned_abs() {
                return Ok(purged);
            }
        }
    }
}

async fn purge_some(transaction: &mut Transaction<'_, Any>) -> Result<u64, StoreError> {
    let rows = sqlx::query(
        "select b.id from budgets b where b.scope = 'session' and b.archived_at is not null
            and not exists (select 1 from sessions s where s.id = b.session_id)
            and not exists (select 1 from ledger l
                where l.status = 'open' and l.tenant_id = b.tenant_id and l.session_id = b.session_id)
         limit $1",
    )
    .bind(BATCH)
    .fetch_all(&mut **transaction)
    .await?;
    for row in &rows {
        let id = codec::text(row, "id")?;
        for statement in [
            "delete from top_ups where budget_id = $1",
            "delete from budget_events where budget_id = $1",
            "delete from budget_windows where budget_id = $1",
            "delete from budgets where id = $1",
        ] {
            sqlx::query(statement).bind(&id).execute(&mut **transaction).await?;
        }
    }
    Ok(rows.len() as u64)
}
