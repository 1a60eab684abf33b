//! Turn totals: how many turns of a tenant ended for each reason and how long they took, kept as they end.

use sqlx::{Any, Transaction};

use super::{StoreError, Turns, codec};
use crate::domain::{TenantId, Timestamp};

/// What all turns of a tenant that ended for one reason add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnTotal {
    /// The tenant.
    pub tenant: TenantId,
    /// Why they ended.
    pub reason: String,
    /// How many.
    pub turns: u64,
    /// Microseconds from each request to its turn's end, added up.
    pub duration_micros: u64,
}

impl Turns<'_> {
    /// The totals of all tenants: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn totals(&self) -> Result<Vec<TurnTotal>, StoreError> {
        let rows = sqlx::query("select * from turn_totals order by tenant_id, reason").fetch_all(&self.0.read).await?;
        rows.iter()
            .map(|row| {
                Ok(TurnTotal {
                    tenant: codec::parsed(row, "tenant_id")?,
                    reason: codec::text(row, "reason")?,
                    turns: codec::count(row, "turns")?,
                    duration_micros: codec::count(row, "duration_micros")?,
                })
            })
            .collect()
    }
}

/// Adds a turn that is ended in the same transaction.
pub(super) async fn add(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    reason: &'static str,
    (accepted_at, ended_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into turn_totals (tenant_id, reason, turns, duration_micros) values ($1, $2, 1, $3)
         on conflict (tenant_id, reason) do update set
            turns = turn_totals.turns + 1, duration_micros = turn_totals.duration_micros + $3",
    )
    .bind(tenant.to_string())
    .bind(reason)
    .bind(ended_at.micros_since(accepted_at))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
