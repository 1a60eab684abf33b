//! Totals: what all settled calls of a tenant and a model used and cost, kept as they are settled.

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};

use super::ledger::{Ledger, Settlement, usage};
use super::{StoreError, codec};
use crate::domain::{TenantId, Timestamp, Usage, Usd};

/// What all settled calls of a tenant and a model come to, without corrections.
#[derive(Clone, Debug)]
pub struct Total {
    /// The tenant.
    pub tenant: TenantId,
    /// The model that answered.
    pub model: String,
    /// How many calls.
    pub calls: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost.
    pub cost: Usd,
    /// When the first of them was settled.
    pub first_at: Timestamp,
}

impl Ledger<'_> {
    /// The totals of all tenants and models: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn totals(&self) -> Result<Vec<Total>, StoreError> {
        let rows = sqlx::query("select * from ledger_totals order by tenant_id, model").fetch_all(&self.0.read).await?;
        rows.iter()
            .map(|row| {
                Ok(Total {
                    tenant: codec::parsed(row, "tenant_id")?,
                    model: codec::text(row, "model")?,
                    calls: codec::count(row, "calls")?,
                    usage: usage(row)?,
                    cost: codec::amount(row, "cost_nanos")?,
                    first_at: codec::time(row, "first_at")?,
                })
            })
            .collect()
    }

    /// What corrections add to the cost of each tenant's calls.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn corrected(&self) -> Result<Vec<(TenantId, Usd)>, StoreError> {
        let rows = sqlx::query(
            "select coalesce(tenant_id, '') as tenant_id, cast(sum(cost_nanos) as bigint) as cost_nanos
             from ledger where status = 'correction' and settled_at >= $1
             group by coalesce(tenant_id, '') order by coalesce(tenant_id, '')",
        )
        // Grouped by a term, so that the index of corrections is walked and not that of tenants.
        .bind(i64::MIN)
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(|row| Ok((codec::parsed(row, "tenant_id")?, codec::amount(row, "cost_nanos")?))).collect()
    }

    /// How many calls are open.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_calls(&self) -> Result<u64, StoreError> {
        let row =
            sqlx::query("select count(*) as calls from ledger where status = 'open'").fetch_one(&self.0.read).await?;
        codec::count(&row, "calls")
    }
}

/// Adds calls that are settled in the same transaction.
pub(super) async fn add<'s>(
    transaction: &mut Transaction<'_, Any>,
    calls: impl Iterator<Item = (TenantId, &'s Settlement)>,
) -> Result<(), StoreError> {
    let mut sums = BTreeMap::<(TenantId, &str), ([i64; 8], Timestamp)>::new();
    for (tenant, settlement) in calls {
        let used = &settlement.usage;
        let amounts = [
            1,
            codec::as_number(used.input_tokens),
            codec::as_number(used.output_tokens),
            codec::as_number(used.cache_read_tokens),
            codec::as_number(used.cache_write_5m_tokens),
            codec::as_number(used.cache_write_1h_tokens),
            codec::as_number(used.web_search_requests),
            settlement.cost.as_nanos(),
        ];
        let (sum, first_at) = sums.entry((tenant, &settlement.model)).or_insert(([0; 8], settlement.at));
        *first_at = settlement.at.min(*first_at);
        for (sum, amount) in sum.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(amount);
        }
    }
    for ((tenant, model), (amounts, first_at)) in sums {
        let query = sqlx::query(
            "insert into ledger_totals (tenant_id, model, calls, input_tokens, output_tokens, cache_read_tokens,
                cache_write_5m_tokens, cache_write_1h_tokens, web_search_requests, cost_nanos, first_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             on conflict (tenant_id, model) do update set
                calls = ledger_totals.calls + excluded.calls,
                input_tokens = ledger_totals.input_tokens + excluded.input_tokens,
                output_tokens = ledger_totals.output_tokens + excluded.output_tokens,
                cache_read_tokens = ledger_totals.cache_read_tokens + excluded.cache_read_tokens,
                cache_write_5m_tokens = ledger_totals.cache_write_5m_tokens + excluded.cache_write_5m_tokens,
                cache_write_1h_tokens = ledger_totals.cache_write_1h_tokens + excluded.cache_write_1h_tokens,
                web_search_requests = ledger_totals.web_search_requests + excluded.web_search_requests,
                cost_nanos = ledger_totals.cost_nanos + excluded.cost_nanos",
        );
        let query = query.bind(tenant.to_string()).bind(model.to_owned());
        let query = amounts.into_iter().fold(query, sqlx::query::Query::bind).bind(first_at.as_micros());
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
