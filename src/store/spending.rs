//! What a tenant spent, summed from the ledger.

use super::ledger::{Ledger, usage};
use super::{StoreError, codec};
use crate::domain::{TenantId, Timestamp, Usage, Usd};

/// What spending is summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendingBy {
    /// The day in UTC.
    Day,
    /// The model that answered.
    Model,
    /// The key that began the turn.
    Key,
    /// The session.
    Session,
}

/// A sum of settled calls, their corrections with them.
#[derive(Clone, Debug)]
pub struct Spending {
    /// What they have in common: a day as `2026-11-25`, a model, a key's public part, or a session's id.
    pub group: String,
    /// How many calls.
    pub calls: u64,
    /// How many of them are estimated in part.
    pub estimated: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost.
    pub cost: Usd,
}

impl Ledger<'_> {
    /// Sums a tenant's settled calls that were opened from `from` on and before `to`, by what they have in common.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spending(
        &self,
        tenant: TenantId,
        from: Timestamp,
        to: Timestamp,
        by: SpendingBy,
    ) -> Result<Vec<Spending>, StoreError> {
        let column = match by {
            SpendingBy::Day => "cast(opened_at / 86400000000 as text)",
            SpendingBy::Model => "model",
            SpendingBy::Key => "coalesce(key_id, '')",
            SpendingBy::Session => "session_id",
        };
        let sums = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens"]
            .into_iter()
            .chain(["cache_write_1h_tokens", "web_search_requests", "cost_nanos"])
            .map(|column| format!("cast(sum({column}) as bigint) as {column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let statement = format!(
            "select {column} as grouped, cast(sum(case when status = 'correction' then 0 else 1 end) as bigint) as calls,
                cast(sum(case when status = 'estimated' then 1 else 0 end) as bigint) as estimated, {sums}
             from ledger where tenant_id = $1 and opened_at >= $2 and opened_at < $3 and status <> 'open'
             group by {column} order by min(opened_at)"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(tenant.to_string())
            .bind(from.as_micros())
            .bind(to.as_micros())
            .fetch_all(&self.0.read)
            .await?;
        rows.iter()
            .map(|row| {
                let group = codec::text(row, "grouped")?;
                Ok(Spending {
                    group: if by == SpendingBy::Day { day(&group) } else { group },
                    calls: codec::count(row, "calls")?,
                    estimated: codec::count(row, "estimated")?,
                    usage: usage(row)?,
                    cost: Usd::from_nanos(codec::number(row, "cost_nanos")?),
                })
            })
            .collect()
    }
}

/// A day by its number since the Unix epoch, as a date.
fn day(number: &str) -> String {
    let micros = number.parse::<i64>().unwrap_or_default().saturating_mul(86_400_000_000);
    Timestamp::from_micros(micros).to_string().chars().take(10).collect()
}
