//! Drift in the store: what the agent claims that turns cost, beside what the ledger has for them.

use super::ledger::Ledger;
use super::{StoreError, codec};
use crate::domain::{Drift, Timestamp, TurnDrift};

/// The turns whose two accounts can be compared: those that ended with a claim, all of whose calls the provider told to the end.
/// A call that is open or in part an estimate says nothing about prices. Corrections are left out: they are an operator's
/// word, and no measurement. Grouped by the end first, so that the index of ends is walked and not every turn there ever was.
const COMPARED: &str = "select t.id as turn_id, t.session_id as session_id, t.tenant_id as tenant_id,
        t.ended_at as ended_at, t.claimed_nanos as claimed_nanos,
        cast(coalesce(sum(l.cost_nanos), 0) as bigint) as cost_nanos
    from turns t left join ledger l on l.turn_id = t.id and l.corrects is null
    where t.ended_at >= $1 and t.claimed_nanos is not null
    group by t.ended_at, t.id, t.session_id, t.tenant_id, t.claimed_nanos
    having coalesce(sum(case when l.status <> 'exact' then 1 else 0 end), 0) = 0";

impl Ledger<'_> {
    /// What the agent claims that the turns cost that ended since then, and what they cost by the ledger.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drift(&self, since: Timestamp) -> Result<Drift, StoreError> {
        let statement = format!(
            "select cast(count(*) as bigint) as turns, cast(coalesce(sum(claimed_nanos), 0) as bigint) as claimed_nanos,
                cast(coalesce(sum(cost_nanos), 0) as bigint) as cost_nanos
             from ({COMPARED}) compared"
        );
        let row =
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(since.as_micros()).fetch_one(&self.0.reports).await?;
        Ok(Drift {
            turns: codec::count(&row, "turns")?,
            claimed: codec::amount(&row, "claimed_nanos")?,
            ledger: codec::amount(&row, "cost_nanos")?,
        })
    }

    /// The turns that ended since then and whose two accounts differ, those that differ most first: for operators, who act
    /// for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drifting(&self, since: Timestamp, limit: u32) -> Result<Vec<TurnDrift>, StoreError> {
        let statement = format!(
            "select * from ({COMPARED}) compared where claimed_nanos <> cost_nanos
             order by abs(claimed_nanos - cost_nanos) desc, ended_at desc, turn_id limit $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(since.as_micros())
            .bind(i64::from(limit))
            .fetch_all(&self.0.reports)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(TurnDrift {
                    turn: codec::parsed(row, "turn_id")?,
                    session: codec::parsed(row, "session_id")?,
                    tenant: codec::parsed(row, "tenant_id")?,
                    ended_at: codec::time(row, "ended_at")?,
                    claimed: codec::amount(row, "claimed_nanos")?,
                    ledger: codec::amount(row, "cost_nanos")?,
                })
            })
            .collect()
    }
}
