//! How many bytes a tenant's sessions hold: counted as they are written, so that nobody has to add them up.

use sqlx::{Any, Transaction};

use super::{Sessions, StoreError, codec};
use crate::domain::{SessionId, TenantId};

/// Bytes that are written to a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Of prompts, and what is asked for beside them.
    pub(super) requests: u64,
    /// Of events.
    pub(super) events: u64,
    /// Of the transcript.
    pub(super) transcript: u64,
}

impl Sessions<'_> {
    /// How many bytes of requests, events and transcripts a tenant's sessions hold.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stored_bytes(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let row = sqlx::query("select bytes from tenant_storage where tenant_id = $1")
            .bind(tenant.to_string())
            .fetch_optional(&self.0.read)
            .await?;
        row.map_or(Ok(0), |row| codec::count(&row, "bytes"))
    }
}

/// Counts what is written to a session in the same transaction.
pub(super) async fn count(
    transaction: &mut Transaction<'_, Any>,
    session: SessionId,
    written: Written,
) -> Result<(), StoreError> {
    let all = codec::as_number(written.requests + written.events + written.transcript);
    let row = sqlx::query(
        "update sessions set stored_bytes = stored_bytes + $1, event_bytes = event_bytes + $2,
            transcript_bytes = transcript_bytes + $3
         where id = $4 returning tenant_id",
    )
    .bind(all)
    .bind(codec::as_number(written.events))
    .bind(codec::as_number(written.transcript))
    .bind(session.to_string())
    .fetch_one(&mut **transaction)
    .await?;
    add(transaction, codec::text(&row, "tenant_id")?, all).await
}

/// Takes a session that is being deleted out of the count. To be called before its row goes.
pub(super) async fn forget(transaction: &mut Transaction<'_, Any>, session: SessionId) -> Result<(), StoreError> {
    let row = sqlx::query("select tenant_id, stored_bytes from sessions where id = $1")
        .bind(session.to_string())
        .fetch_one(&mut **transaction)
        .await?;
    add(transaction, codec::text(&row, "tenant_id")?, -codec::number(&row, "stored_bytes")?).await
}

async fn add(transaction: &mut Transaction<'_, Any>, tenant: String, bytes: i64) -> Result<(), StoreError> {
    sqlx::query(
        "insert into tenant_storage (tenant_id, bytes) values ($1, $2)
         on conflict (tenant_id) do update set bytes = tenant_storage.bytes + $2",
    )
    .bind(tenant)
    .bind(bytes)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
