//! Corrections: what operators put right of the ledger, as further rows of it. No row is changed for one.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::ledger::{Ledger, LedgerEntry, entry};
use super::{StoreError, codec, holds};
use crate::domain::{Action, By, CallId, KeyId, SessionId, TenantId, TurnId, Usd};

/// Adds an amount, which may be negative, to what a turn cost. The sum is bounded.
const ADD_TO_TURN: &str = "update turns set cost_nanos = case when cost_nanos + $1 < 0 then 0
    when cost_nanos + $1 > 1000000000000000000 then 1000000000000000000 else cost_nanos + $1 end where id = $2";

/// Adds an amount, which may be negative, to what was spent in a window. The sum is bounded.
const ADD_TO_WINDOW: &str = "update budget_windows set spent_nanos = case when spent_nanos + $1 < 0 then 0
    when spent_nanos + $1 > 1000000000000000000 then 1000000000000000000 else spent_nanos + $1 end
    where budget_id = $2 and starts_at = $3";

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
        let cost = cost.bounded_call();
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
                        let difference =
                            cost.minus(before).clamp(Usd::ZERO.minus(Usd::MAX_CALL), Usd::MAX_CALL).as_nanos();
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

    /// The newest rows of the ledger before the row `before`: of all tenants or of one session, or those alone whose cost is
    /// estimated in part, and the corrections. For operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn newest(
        &self,
        session: Option<SessionId>,
        estimated: bool,
        before: Option<CallId>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        // Ids are in the order in which their rows were written. A `~` is after every id.
        let before = before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        let query = match (session, estimated) {
            (None, false) => sqlx::query("select * from ledger where id < $1 order by id desc limit $2"),
            (None, true) => {
                sqlx::query("select * from ledger where status = 'estimated' and id < $1 order by id desc limit $2")
            }
            (Some(_), _) => sqlx::query(
                "select l.* from tenants cross join ledger l
                 where l.tenant_id = tenants.id and l.session_id = $3 and l.id < $1 and ($4 = 0 or l.status = 'estimated')
                 order by l.id desc limit $2",
            ),
        };
        let mut query = query.bind(before).bind(i64::from(limit));
        if let Some(session) = session {
            query = query.bind(session.to_string()).bind(i64::from(estimated));
        }
        query.fetch_all(&self.0.reports).await?.iter().map(entry).collect()
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
    codec::amount(&row, "cost")
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
    sqlx::query(ADD_TO_TURN).bind(difference).bind(turn.to_string()).execute(&mut **transaction).await?;
    for window in holds::windows_of_key(transaction, (tenant, session), key.as_ref(), opened_at).await? {
        sqlx::query(ADD_TO_WINDOW)
            .bind(difference)
            .bind(window.budget.to_string())
            .bind(window.starts_at.as_micros())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
