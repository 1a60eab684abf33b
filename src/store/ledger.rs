//! The ledger: one row a model call, opened before the call is made and settled once.

use sqlx::any::AnyRow;

use super::{Store, StoreError, codec};
use crate::domain::{CallId, EstimateReason, SessionId, TenantId, Timestamp, TurnId, Usage, Usd};

/// The ledger.
#[derive(Debug)]
pub struct Ledger<'a>(pub(super) &'a Store);

/// A call, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct CallRef {
    /// The call.
    pub id: CallId,
    /// Who pays.
    pub tenant: TenantId,
    /// The session that calls.
    pub session: SessionId,
    /// The turn it calls for.
    pub turn: TurnId,
}

/// A call about to be made.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// The call.
    pub call: CallRef,
    /// The model asked for.
    pub model: String,
    /// The price table in force.
    pub price_version: String,
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
    /// Why the cost is an estimate; `None` when it is the provider's complete report.
    pub estimated: Option<EstimateReason>,
    /// When.
    pub at: Timestamp,
}

/// A row of the ledger.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// The call.
    pub id: CallId,
    /// Who pays.
    pub tenant: TenantId,
    /// The session that called.
    pub session: SessionId,
    /// The turn it was made for.
    pub turn: TurnId,
    /// The model that answered, or the one asked for while the call is open.
    pub model: String,
    /// The price table it was priced with.
    pub price_version: String,
    /// `open`, `exact`, `estimated` or `correction`.
    pub status: String,
    /// Why the cost is an estimate, if it is one.
    pub estimate_reason: Option<String>,
    /// The call this row corrects: what it adds to its cost, and why.
    pub corrects: Option<(CallId, String)>,
    /// When the call was made.
    pub opened_at: Timestamp,
    /// What it used.
    pub usage: Usage,
    /// What it cost.
    pub cost: Usd,
}

impl Ledger<'_> {
    /// The calls of a tenant's session, oldest first. Answers also for a session that was deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, tenant: TenantId, session: SessionId) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = sqlx::query(
            "select * from ledger where tenant_id = $1 and session_id = $2 and corrects is null order by opened_at, id",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(entry).collect()
    }
}

pub(super) fn entry(row: &AnyRow) -> Result<LedgerEntry, StoreError> {
    let corrects = match codec::maybe_text(row, "corrects")? {
        Some(_) => Some((codec::parsed(row, "corrects")?, codec::text(row, "reason")?)),
        None => None,
    };
    Ok(LedgerEntry {
        id: codec::parsed(row, "id")?,
        tenant: codec::parsed(row, "tenant_id")?,
        session: codec::parsed(row, "session_id")?,
        turn: codec::parsed(row, "turn_id")?,
        model: codec::text(row, "model")?,
        price_version: codec::text(row, "price_version")?,
        status: codec::text(row, "status")?,
        estimate_reason: codec::maybe_text(row, "estimate_reason")?,
        corrects,
        opened_at: codec::time(row, "opened_at")?,
        usage: usage(row)?,
        cost: codec::amount(row, "cost_nanos")?,
    })
}

/// The columns that say what calls used.
pub(super) fn usage(row: &AnyRow) -> Result<Usage, StoreError> {
    Ok(Usage {
        input_tokens: codec::count(row, "input_tokens")?,
        output_tokens: codec::count(row, "output_tokens")?,
        cache_read_tokens: codec::count(row, "cache_read_tokens")?,
        cache_write_5m_tokens: codec::count(row, "cache_write_5m_tokens")?,
        cache_write_1h_tokens: codec::count(row, "cache_write_1h_tokens")?,
        web_search_requests: codec::count(row, "web_search_requests")?,
    })
}
