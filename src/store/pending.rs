//! Sandboxes that are not done with, in the store.

use std::path::PathBuf;

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::{LiveTurn, Store, StoreError, codec};
use crate::domain::{PendingSandbox, PendingState, SandboxName, SessionId, TenantId, Timestamp};

/// The sandboxes that are not done with.
#[derive(Debug)]
pub struct PendingSandboxes<'a>(pub(super) &'a Store);

impl PendingSandboxes<'_> {
    /// Writes down that a sandbox is about to be made.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert(&self, pending: &PendingSandbox) -> Result<(), StoreError> {
        let pending = pending.clone();
        let inserted = self.0.write(move |transaction| {
            Box::pin(async move {
                sqlx::query(
                    "insert into pending_sandboxes (session_id, epoch, tenant_id, turn_id, workspace, surveyed, quarantine,
                        state, gone_at, attempts, next_at, error)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                )
                .bind(pending.name.session.to_string())
                .bind(pending.name.epoch)
                .bind(pending.tenant.to_string())
                .bind(pending.turn.to_string())
                .bind(pending.workspace.to_string_lossy().into_owned())
                .bind(i64::from(pending.surveyed))
                .bind(i64::from(pending.quarantine))
                .bind(pending.state.as_str())
                .bind(pending.gone_at.map(Timestamp::as_micros))
                .bind(pending.attempts)
                .bind(pending.next_at.as_micros())
                .bind(&pending.error)
                .execute(&mut **transaction)
                .await?;
                Ok(())
            })
        });
        inserted.await
    }

    /// Writes down how far a sandbox has come.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn update(&self, pending: &PendingSandbox) -> Result<(), StoreError> {
        let pending = pending.clone();
        self.0.write(move |transaction| Box::pin(async move { update(transaction, &pending).await })).await
    }

    /// Strikes a sandbox off that is done with.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, name: SandboxName) -> Result<(), StoreError> {
        self.0.write(move |transaction| Box::pin(async move { delete(transaction, name).await })).await
    }

    /// Every sandbox that is not done with: for the reconciler, which acts for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all(&self) -> Result<Vec<PendingSandbox>, StoreError> {
        let rows = sqlx::query("select * from pending_sandboxes").fetch_all(&self.0.read).await?;
        rows.iter().map(pending).collect()
    }

    /// Up to `most` sandboxes for which something is to be tried again at `now`, the longest due first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due(&self, now: Timestamp, most: u32) -> Result<Vec<PendingSandbox>, StoreError> {
        let rows = sqlx::query(
            "select * from pending_sandboxes where next_at <= $1 and state <> 'open' order by next_at limit $2",
        )
        .bind(now.as_micros())
        .bind(i64::from(most))
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(pending).collect()
    }

    /// The sandboxes of a tenant's session that are not done with, the earliest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_session(&self, tenant: TenantId, session: SessionId) -> Result<Vec<PendingSandbox>, StoreError> {
        let rows =
            sqlx::query("select * from pending_sandboxes where session_id = $1 and tenant_id = $2 order by epoch")
                .bind(session.to_string())
                .bind(tenant.to_string())
                .fetch_all(&self.0.read)
                .await?;
        rows.iter().map(pending).collect()
    }

    /// The sandboxes that were made for a turn.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_turn(&self, turn: &LiveTurn) -> Result<Vec<PendingSandbox>, StoreError> {
        let all = self.of_session(turn.tenant, turn.session).await?;
        Ok(all.into_iter().filter(|pending| pending.turn == turn.turn).collect())
    }

    /// The directories in which sandboxes of a tenant are that could not be removed yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lingering(&self, tenant: TenantId) -> Result<Vec<PathBuf>, StoreError> {
        let rows = sqlx::query("select workspace from pending_sandboxes where tenant_id = $1 and state = $2")
            .bind(tenant.to_string())
            .bind(PendingState::Removing.as_str())
            .fetch_all(&self.0.read)
            .await?;
        rows.iter().map(|row| codec::text(row, "workspace").map(PathBuf::from)).collect()
    }
}

/// Writes down how far a sandbox has come.
pub(super) async fn update(transaction: &mut Transaction<'_, Any>, pending: &PendingSandbox) -> Result<(), StoreError> {
    sqlx::query(
        "update pending_sandboxes set state = $1, gone_at = $2, attempts = $3, next_at = $4, error = $5
         where session_id = $6 and epoch = $7",
    )
    .bind(pending.state.as_str())
    .bind(pending.gone_at.map(Timestamp::as_micros))
    .bind(pending.attempts)
    .bind(pending.next_at.as_micros())
    .bind(&pending.error)
    .bind(pending.name.session.to_string())
    .bind(pending.name.epoch)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Strikes a sandbox off that is done with.
pub(super) async fn delete(transaction: &mut Transaction<'_, Any>, name: SandboxName) -> Result<(), StoreError> {
    sqlx::query("delete from pending_sandboxes where session_id = $1 and epoch = $2")
        .bind(name.session.to_string())
        .bind(name.epoch)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn pending(row: &AnyRow) -> Result<PendingSandbox, StoreError> {
    Ok(PendingSandbox {
        name: SandboxName { session: codec::parsed(row, "session_id")?, epoch: codec::number(row, "epoch")? },
        tenant: codec::parsed(row, "tenant_id")?,
        turn: codec::parsed(row, "turn_id")?,
        workspace: codec::text(row, "workspace")?.into(),
        surveyed: codec::number(row, "surveyed")? == 1,
        quarantine: codec::number(row, "quarantine")? == 1,
        state: codec::word(row, "state", PendingState::parse)?,
        gone_at: codec::maybe_time(row, "gone_at")?,
        attempts: codec::number(row, "attempts")?,
        next_at: codec::time(row, "next_at")?,
        error: codec::maybe_text(row, "error")?,
    })
}
