//! What a tenant spent, summed from the ledger.

use sqlx::any::AnyRow;

use super::ledger::{Ledger, usage};
use super::{StoreError, codec};
use crate::domain::{TenantId, Timestamp, Usage, Usd};

/// The sums of settled rows. A correction is no call.
pub(super) const SUMS: &str = "cast(sum(case when status = 'correction' then 0 else 1 end) as bigint) as calls,
    cast(sum(case when status = 'estimated' then 1 else 0 end) as bigint) as estimated,
    cast(sum(input_tokens) as bigint) as input_tokens, cast(sum(output_tokens) as bigint) as output_tokens,
    cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
    cast(sum(cache_write_5m_tokens) as bigint) as cache_write_5m_tokens,
    cast(sum(cache_write_1h_tokens) as bigint) as cache_write_1h_tokens,
    cast(sum(web_search_requests) as bigint) as web_search_requests, cast(sum(cost_nanos) as bigint) as cost_nanos";

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

/// What a tenant spent.
#[derive(Clone, Debug)]
pub struct TenantSpending {
    /// The tenant.
    pub tenant: TenantId,
    /// The sum, by the tenant's present name.
    pub spending: Spending,
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
        let statement = format!(
            "select {column} as grouped, {SUMS}
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
                spending(row, if by == SpendingBy::Day { day(&group) } else { group })
            })
            .collect()
    }

    /// Sums the settled calls of every tenant that were opened from `from` on and before `to`, the dearest first: for
    /// operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn by_tenant(&self, from: Timestamp, to: Timestamp) -> Result<Vec<TenantSpending>, StoreError> {
        let statement = format!(
            "select tenant_id, min(name) as name, {SUMS} from ledger join tenants on tenants.id = tenant_id
             where opened_at >= $1 and opened_at < $2 and status <> 'open'
             group by tenant_id order by sum(cost_nanos) desc, tenant_id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(from.as_micros())
            .bind(to.as_micros())
            .fetch_all(&self.0.read)
            .await?;
        rows.iter()
            .map(|row| {
                let spending = spending(row, codec::text(row, "name")?)?;
                Ok(TenantSpending { tenant: codec::parsed(row, "tenant_id")?, spending })
            })
            .collect()
    }
}

fn spending(row: &AnyRow, group: String) -> Result<Spending, StoreError> {
    Ok(Spending {
        group,
        calls: codec::count(row, "calls")?,
        estimated: codec::count(row, "estimated")?,
        usage: usage(row)?,
        cost: Usd::from_nanos(codec::number(row, "cost_nanos")?),
    })
}

/// A day by its number since the Unix epoch, as a date.
fn day(number: &str) -> String {
    let micros = number.parse::<i64>().unwrap_or_default().saturating_mul(86_400_000_000);
    Timestamp::from_micros(micros).to_string().chars().take(10).collect()
}
