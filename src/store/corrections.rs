//! Corrections: what operators put right of the ledger, as further rows of it. No row is changed for one.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::budgets::on_path;
use super::ledger::{Ledger, LedgerEntry, entry};
use super::{StoreError, codec};
use crate::domain::{Action, By, CallId, KeyId, SessionId, TenantId, TurnId, Usd};

/// What came of a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrected {
    /// The call costs this instead of that.
    Yes {
        /// What it cost until now.
        before: Usd,
        /// What it costs.
        after: Usd,
    },
    /// It is under way, or a crash left it open: it has no cost yet that could be put right.
    Open,
    /// There is no such call.
    Missing,
}

impl Ledger<'_> {
    /// Lets a settled call cost `cost`, in the time it was made in, in every budget it counted in, and in its turn.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn correct(&self, id: CallId, cost: Usd, reason: &str, by: &By) -> Result<Corrected, StoreError> {
        let row = sqlx::query("select tenant_id, session_id from ledger where id = $1 and corrects is null")
            .bind(id.to_string())
            .fetch_optional(&self.0.read)
            .await?;
        let Some(row) = row else { return Ok(Corrected::Missing) };
        let (tenant, session) = (codec::parsed(&row, "tenant_id")?, codec::parsed(&row, "session_id")?);
        let (reason, by) = (reason.to_owned(), by.clone());
        self.0
            .write_session(tenant, session, move |transaction| {
                Box::pin(async move {
                    let row = sqlx::query("select * from ledger where id = $1 and corrects is null")
                        .bind(id.to_string())
                        .fetch_optional(&mut **transaction)
                        .await?;
                    let Some(row) = row else { return Ok(Corrected::Missing) };
                    if codec::text(&row, "status")? == "open" {
                        return Ok(Corrected::Open);
                    }
                    let before = present_cost(transaction, id).await?;
                    if cost != before {
                        let difference = cost.as_nanos() - before.as_nanos();
                        add(transaction, &row, difference, &reason, &by).await?;
                        let record = Record {
                            action: Action::CorrectCall,
                            target: id.to_string(),
                            tenant: Some(tenant),
                            reason: Some(reason),
                            before: Some(json!({ "cost_usd": before.to_string() })),
                            after: Some(json!({ "cost_usd": cost.to_string() })),
                        };
                        audit::write(transaction, &by, record).await?;
                    }
                    Ok(Corrected::Yes { before, after: cost })
                })
            })
            .await
    }

    /// The newest calls of all tenants, or of one session, or those alone whose cost is estimated in part: for operators,
    /// who act for no tenant. With the corrections.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn newest(
        &self,
        session: Option<SessionId>,
        estimated: bool,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let rows = sqlx::query(
            "select * from ledger where (cast($1 as text) is null or session_id = $1) and ($2 = 0 or status = 'estimated')
             order by opened_at desc, id desc limit $3",
        )
        .bind(session.map(|session| session.to_string()))
        .bind(i64::from(estimated))
        .bind(i64::from(limit))
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(entry).collect()
    }
}

/// What a call costs with all its corrections.
async fn present_cost(transaction: &mut Transaction<'_, Any>, id: CallId) -> Result<Usd, StoreError> {
    let row = sqlx::query(
        "select cast(coalesce(sum(cost_nanos), 0) as bigint) as cost from ledger where id = $1 or corrects = $1",
    )
    .bind(id.to_string())
    .fetch_one(&mut **transaction)
    .await?;
    codec::number(&row, "cost").map(Usd::from_nanos)
}

/// Adds `difference` to what the call of `row` costs, wherever it counts.
async fn add(
    transaction: &mut Transaction<'_, Any>,
    row: &AnyRow,
    difference: i64,
    reason: &str,
    by: &By,
) -> Result<(), StoreError> {
    let (call, turn) = (codec::text(row, "id")?, codec::parsed::<TurnId>(row, "turn_id")?);
    let (tenant, session) = (codec::parsed::<TenantId>(row, "tenant_id")?, codec::parsed(row, "session_id")?);
    let (key, opened_at) = (codec::maybe_text(row, "key_id")?.map(KeyId::new), codec::time(row, "opened_at")?);
    sqlx::query(
        "insert into ledger (id, tenant_id, session_id, turn_id, key_id, status, model, price_version,
            input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
            web_search_requests, held_nanos, cost_nanos, opened_at, settled_at, corrects, actor, reason)
         select $1, tenant_id, session_id, turn_id, key_id, 'correction', model, price_version,
            0, 0, 0, 0, 0, 0, 0, $2, opened_at, $3, id, $4, $5 from ledger where id = $6",
    )
    .bind(CallId::generate().to_string())
    .bind(difference)
    .bind(by.at.as_micros())
    .bind(by.who.to_string())
    .bind(reason)
    .bind(call)
    .execute(&mut **transaction)
    .await?;
    sqlx::query("update turns set cost_nanos = cost_nanos + $1 where id = $2")
        .bind(difference)
        .bind(turn.to_string())
        .execute(&mut **transaction)
        .await?;
    for standing in on_path(transaction, tenant, key.as_ref(), session, opened_at).await? {
        sqlx::query("update budget_windows set spent_nanos = spent_nanos + $1 where budget_id = $2 and starts_at = $3")
            .bind(difference)
            .bind(standing.budget.id.to_string())
            .bind(standing.starts_at.as_micros())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
