//! What a tenant spent, summed from the ledger.

use sqlx::any::AnyRow;

use super::ledger::{Ledger, usage};
use super::{StoreError, codec};
use crate::domain::{Day, TenantId, Timestamp, Usage, Usd};

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

/// What is summed, and which page of it is read.
#[derive(Clone, Debug)]
pub struct SpendingPage {
    /// Calls that were opened from this moment on.
    pub from: Timestamp,
    /// Calls that were opened before this moment.
    pub to: Timestamp,
    /// What they are summed by.
    pub by: SpendingBy,
    /// The group after which the page begins: the last one of the page before.
    pub after: Option<String>,
    /// How many groups at most.
    pub limit: u32,
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
    /// Sums a tenant's settled calls by what they have in common, page by page: days, models and keys in the order in which
    /// their first calls were made, sessions in the order of their ids.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spending(&self, tenant: TenantId, page: &SpendingPage) -> Result<Vec<Spending>, StoreError> {
        let rows = match page.by {
            SpendingBy::Day => {
                // A later page begins on a later day.
                let next = page.after.as_deref().and_then(Day::parse).map(|day| day.next().starts_at());
                let page = SpendingPage {
                    from: next.map_or(page.from, |next| page.from.max(next)),
                    after: None,
                    ..page.clone()
                };
                self.by_first_call(tenant, &page, "cast(opened_at / 86400000000 as text)").await?
            }
            SpendingBy::Model => self.by_first_call(tenant, page, "model").await?,
            SpendingBy::Key => self.by_first_call(tenant, page, "coalesce(key_id, '')").await?,
            SpendingBy::Session => self.by_session(tenant, page).await?,
        };
        rows.iter()
            .map(|row| {
                let group = codec::text(row, "grouped")?;
                spending(row, if page.by == SpendingBy::Day { day(&group) } else { group })
            })
            .collect()
    }

    /// A page of sums of rows with the same `column`.
    async fn by_first_call(
        &self,
        tenant: TenantId,
        page: &SpendingPage,
        column: &'static str,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let mut after = (i64::MIN, String::new());
        if let Some(group) = &page.after {
            let statement = format!(
                "select cast(coalesce(min(opened_at), $2) as bigint) as first
                 from ledger where tenant_id = $1 and opened_at >= $2 and opened_at < $3 and status <> 'open'
                    and {column} = $4"
            );
            let row = sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(tenant.to_string())
                .bind(page.from.as_micros())
                .bind(page.to.as_micros())
                .bind(group)
                .fetch_one(&self.0.reports)
                .await?;
            after = (codec::number(&row, "first")?, group.clone());
        }
        let statement = format!(
            "select {column} as grouped, {SUMS}
             from ledger where tenant_id = $1 and opened_at >= $2 and opened_at < $3 and status <> 'open'
             group by {column} having min(opened_at) > $4 or (min(opened_at) = $4 and {column} > $5)
             order by min(opened_at), {column} limit $6"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(tenant.to_string())
            .bind(page.from.as_micros())
            .bind(page.to.as_micros())
            .bind(after.0)
            .bind(after.1)
            .bind(i64::from(page.limit));
        Ok(query.fetch_all(&self.0.reports).await?)
    }

    /// A page of sums of sessions. They are read in the order of their index, so that a page reads the rows of its own
    /// sessions and no others.
    async fn by_session(&self, tenant: TenantId, page: &SpendingPage) -> Result<Vec<AnyRow>, StoreError> {
        let statement = format!(
            "select session_id as grouped, {SUMS}
             from ledger where tenant_id = $1 and session_id > $4 and opened_at + 0 >= $2 and opened_at + 0 < $3
                and status <> 'open'
             group by session_id order by session_id limit $5"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(tenant.to_string())
            .bind(page.from.as_micros())
            .bind(page.to.as_micros())
            .bind(page.after.clone().unwrap_or_default())
            .bind(i64::from(page.limit));
        Ok(query.fetch_all(&self.0.reports).await?)
    }

    /// Sums the settled calls of every tenant that were opened from `from` on and before `to`, the dearest first: for
    /// operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn by_tenant(&self, from: Timestamp, to: Timestamp) -> Result<Vec<TenantSpending>, StoreError> {
        let statement = format!(
            "select tenants.id as tenant_id, min(tenants.name) as name, {SUMS} from tenants cross join ledger
             where tenant_id = tenants.id and opened_at >= $1 and opened_at < $2 and status <> 'open'
             group by tenants.id order by sum(cost_nanos) desc, tenants.id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(from.as_micros())
            .bind(to.as_micros())
            .fetch_all(&self.0.reports)
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
        cost: codec::amount(row, "cost_nanos")?,
    })
}

/// A day by its number since the Unix epoch, as a date.
fn day(number: &str) -> String {
    let micros = number.parse::<i64>().unwrap_or_default().saturating_mul(86_400_000_000);
    Timestamp::from_micros(micros).to_string().chars().take(10).collect()
}
