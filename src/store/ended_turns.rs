//! Turns that ended a short while ago, by what they cost: for whoever looks at single sessions only now and then.

use sqlx::any::AnyRow;

use super::{StoreError, Turns, codec};
use crate::domain::{SessionId, TenantId, Timestamp, TurnId, Usd};

/// A turn that ended, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedTurn {
    /// Whose it was.
    pub tenant: TenantId,
    /// Its session.
    pub session: SessionId,
    /// The turn.
    pub turn: TurnId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What it has cost so far: a call that is read to its end may still be added.
    pub cost: Usd,
}

impl Turns<'_> {
    /// The turns that ended at `since` or later, the most expensive first, at most `limit`: for operators, who act for no
    /// tenant. Those of deleted sessions are not among them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ended_since(&self, since: Timestamp, limit: u32) -> Result<Vec<EndedTurn>, StoreError> {
        let rows = sqlx::query(
            "select id, session_id, tenant_id, created_at, ended_at, cost_nanos from turns
             where ended_at >= $1 order by cost_nanos desc, ended_at desc, id limit $2",
        )
        .bind(since.as_micros())
        .bind(i64::from(limit))
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(ended_turn).collect()
    }
}

fn ended_turn(row: &AnyRow) -> Result<EndedTurn, StoreError> {
    Ok(EndedTurn {
        tenant: codec::parsed(row, "tenant_id")?,
        session: codec::parsed(row, "session_id")?,
        turn: codec::parsed(row, "id")?,
        accepted_at: codec::time(row, "created_at")?,
        ended_at: codec::time(row, "ended_at")?,
        cost: codec::amount(row, "cost_nanos")?,
    })
}
