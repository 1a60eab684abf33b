//! The ledger: one row a model call, opened before the call is made and settled once.

use sqlx::any::AnyRow;

use super::{Store, StoreError, codec};
use crate::domain::{CallId, SessionId, TenantId, Timestamp, TurnId, Usage, Usd};

/// The ledger.
#[derive(Debug)]
pub struct Ledger<'a>(pub(super) &'a Store);

/// A call about to be made.
#[derive(Clone, Debug)]
pub struct OpenCall {
    /// The call.
    pub id: CallId,
    /// Who pays.
    pub tenant: TenantId,
    /// The session that calls.
    pub session: SessionId,
    /// The turn it calls for.
    pub turn: TurnId,
    /// The model asked for.
    pub model: String,
    /// The price table in force.
    pub price_version: String,
    /// The most it can cost.
    pub held: Usd,
    /// When.
    pub at: Timestamp,
}

/// What a call turned out to use and cost.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The model that answered.
    pub model: String,
    /// What it used.
    pub usage: Usage,
    /// What that costs.
    pub cost: Usd,
    /// Whether the provider told the usage to the end; otherwise part of it is an estimate.
    pub exact: bool,
    /// When.
    pub at: Timestamp,
}

/// A row of the ledger.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// The call.
    pub id: CallId,
    /// The turn it was made for.
    pub turn: TurnId,
    /// The model that answered, or the one asked for while the call is open.
    pub model: String,
    /// The price table it was priced with.
    pub price_version: String,
    /// `open`, `exact` or `estimated`.
    pub status: String,
    /// What it used.
    pub usage: Usage,
    /// What it cost.
    pub cost: Usd,
}

impl Ledger<'_> {
    /// Opens a call.
    ///
    /// # Errors
    /// When the store fails: the call must not be made then.
    pub async fn open(&self, call: &OpenCall) -> Result<(), StoreError> {
        sqlx::query(
            "insert into ledger (id, tenant_id, session_id, turn_id, status, model, price_version, input_tokens,
                output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
                web_search_requests, held_nanos, cost_nanos, opened_at)
             values ($1, $2, $3, $4, 'open', $5, $6, 0, 0, 0, 0, 0, 0, $7, 0, $8)",
        )
        .bind(call.id.to_string())
        .bind(call.tenant.to_string())
        .bind(call.session.to_string())
        .bind(call.turn.to_string())
        .bind(&call.model)
        .bind(&call.price_version)
        .bind(call.held.as_nanos())
        .bind(call.at.as_micros())
        .execute(&self.0.write)
        .await?;
        Ok(())
    }

    /// Settles an open call, and adds its cost to its turn. A call that was settled stays as it was.
    ///
    /// # Errors
    /// When the store fails: the call stays open then.
    pub async fn settle(&self, call: &OpenCall, settlement: &Settlement) -> Result<(), StoreError> {
        let usage = &settlement.usage;
        let mut transaction = self.0.write.begin().await?;
        let settled = sqlx::query(
            "update ledger set status = $1, model = $2, input_tokens = $3, output_tokens = $4,
                cache_read_tokens = $5, cache_write_5m_tokens = $6, cache_write_1h_tokens = $7,
                web_search_requests = $8, cost_nanos = $9, settled_at = $10
             where id = $11 and status = 'open'",
        )
        .bind(if settlement.exact { "exact" } else { "estimated" })
        .bind(&settlement.model)
        .bind(codec::as_number(usage.input_tokens))
        .bind(codec::as_number(usage.output_tokens))
        .bind(codec::as_number(usage.cache_read_tokens))
        .bind(codec::as_number(usage.cache_write_5m_tokens))
        .bind(codec::as_number(usage.cache_write_1h_tokens))
        .bind(codec::as_number(usage.web_search_requests))
        .bind(settlement.cost.as_nanos())
        .bind(settlement.at.as_micros())
        .bind(call.id.to_string())
        .execute(&mut *transaction)
        .await?;
        if settled.rows_affected() == 1 {
            sqlx::query("update turns set cost_nanos = cost_nanos + $1 where id = $2")
                .bind(settlement.cost.as_nanos())
                .bind(call.turn.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.0.changed(call.tenant, call.session);
        Ok(())
    }

    /// Settles every open call at the most it could cost, and answers how many there were. For the start of the server
    /// only: nobody is left who could hear what they really cost.
    ///
    /// # Errors
    /// When the store fails: the calls stay open then.
    pub async fn settle_orphans(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.0.write.begin().await?;
        sqlx::query(
            "update turns set cost_nanos = cost_nanos
                + (select coalesce(sum(held_nanos), 0) from ledger where turn_id = turns.id and status = 'open')
             where id in (select turn_id from ledger where status = 'open')",
        )
        .execute(&mut *transaction)
        .await?;
        let settled = sqlx::query(
            "update ledger set status = 'estimated', cost_nanos = held_nanos, settled_at = $1 where status = 'open'",
        )
        .bind(now.as_micros())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(settled.rows_affected())
    }

    /// The calls of a tenant's session, oldest first. Answers also for a session that was deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, tenant: TenantId, session: SessionId) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = sqlx::query("select * from ledger where tenant_id = $1 and session_id = $2 order by opened_at, id")
            .bind(tenant.to_string())
            .bind(session.to_string())
            .fetch_all(&self.0.read)
            .await?;
        rows.iter().map(entry).collect()
    }
}

fn entry(row: &AnyRow) -> Result<LedgerEntry, StoreError> {
    Ok(LedgerEntry {
        id: codec::parsed(row, "id")?,
        turn: codec::parsed(row, "turn_id")?,
        model: codec::text(row, "model")?,
        price_version: codec::text(row, "price_version")?,
        status: codec::text(row, "status")?,
        usage: Usage {
            input_tokens: codec::count(row, "input_tokens")?,
            output_tokens: codec::count(row, "output_tokens")?,
            cache_read_tokens: codec::count(row, "cache_read_tokens")?,
            cache_write_5m_tokens: codec::count(row, "cache_write_5m_tokens")?,
            cache_write_1h_tokens: codec::count(row, "cache_write_1h_tokens")?,
            web_search_requests: codec::count(row, "web_search_requests")?,
        },
        cost: Usd::from_nanos(codec::number(row, "cost_nanos")?),
    })
}
