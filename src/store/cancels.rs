//! Cancels that operators ask for, wherever they ask: written down first, and done by the server that runs the turn.

use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::live::live_turn;
use super::{LiveTurn, Sessions, StoreError, codec};
use crate::domain::{Action, By, SessionId, TenantId, Timestamp};

/// What became of asking for a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAsked {
    /// It is written down for the turn under way.
    Asked(TenantId),
    /// No turn is under way.
    AtRest,
    /// There is no such session.
    Missing,
}

impl Sessions<'_> {
    /// Asks that the turn under way of a session of any tenant be cancelled, and writes that to the audit. Asking again changes
    /// nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ask_to_cancel(&self, id: SessionId, by: &By) -> Result<CancelAsked, StoreError> {
        let by = by.clone();
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let row = sqlx::query(
                        "select s.tenant_id, t.id as t_id, t.outcome, t.cancel_requested_at from sessions s
                         join turns t on t.session_id = s.id and t.ordinal = s.turn_count where s.id = $1",
                    )
                    .bind(id.to_string())
                    .fetch_optional(&mut **transaction)
                    .await?;
                    let Some(row) = row else { return Ok(CancelAsked::Missing) };
                    if codec::maybe_text(&row, "outcome")?.is_some() {
                        return Ok(CancelAsked::AtRest);
                    }
                    let tenant = codec::parsed(&row, "tenant_id")?;
                    if codec::maybe_time(&row, "cancel_requested_at")?.is_none() {
                        let turn = codec::text(&row, "t_id")?;
                        sqlx::query("update turns set cancel_requested_at = $1 where id = $2")
                            .bind(by.at.as_micros())
                            .bind(turn)
                            .execute(&mut **transaction)
                            .await?;
                        let record = Record {
                            action: Action::CancelSession,
                            target: id.to_string(),
                            tenant: Some(tenant),
                            reason: None,
                            before: None,
                            after: None,
                        };
                        audit::write(transaction, &by, record).await?;
                    }
                    Ok(CancelAsked::Asked(tenant))
                })
            })
            .await
    }

    /// The first `limit` turns under way that an operator asked to cancel: for the registry, which acts for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn to_cancel(&self, limit: u32) -> Result<Vec<LiveTurn>, StoreError> {
        let rows = sqlx::query(
            "select s.id, s.tenant_id, s.state, s.created_at, t.id as t_id, t.created_at as t_created_at,
                octet_length(t.prompt) + octet_length(t.spec) + coalesce(octet_length(t.sealed_env), 0)
                as request_bytes
             from turns t join sessions s on s.id = t.session_id
             where t.cancel_requested_at is not null and t.outcome is null order by t.cancel_requested_at limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(live_turn).collect()
    }
}

/// Asks that every turn under way of a tenant be cancelled. Returns how many were asked for now.
pub(super) async fn ask_of_tenant(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let asked = sqlx::query(
        "update turns set cancel_requested_at = $1 where outcome is null and cancel_requested_at is null
            and session_id in (select id from sessions where tenant_id = $2 and state <> 'idle')",
    )
    .bind(at.as_micros())
    .bind(tenant.to_string())
    .execute(&mut **transaction)
    .await?;
    Ok(asked.rows_affected())
}
