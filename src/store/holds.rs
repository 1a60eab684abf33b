//! Holds: the money a call may cost, taken out of every budget on its path before it is made, and given back after.
//!
//! Each step is one unit of the writer over the ledger and all the budgets. So calls decide one after the other, whatever
//! happens at the same time, and a crash leaves all or nothing.

use sqlx::{Any, Transaction};

use super::budgets::on_path;
use super::crossings::{Crossing, crossings};
use super::ledger::{CallRef, Ledger, NewCall, Settlement};
use super::{StoreError, codec, totals};
use crate::domain::{Ask, CallId, Decision, EstimateReason, KeyId, Standing, Usd, decide};

impl Ledger<'_> {
    /// Opens a call in the ledger and holds the most it can cost, if every budget on its path has room for that.
    ///
    /// # Errors
    /// When the store fails: the call must not be made then.
    pub async fn open(&self, new: &NewCall, ask: &Ask) -> Result<Decision, StoreError> {
        let (new, ask) = (new.clone(), *ask);
        self.0.write(move |transaction| Box::pin(async move { open(transaction, &new, &ask).await })).await
    }

    /// Lowers what an open call holds to `amount`, once more is known of what it will cost.
    ///
    /// # Errors
    /// When the store fails: the call holds what it held then.
    pub async fn shrink(&self, call: CallRef, amount: Usd) -> Result<(), StoreError> {
        self.0.write(move |transaction| Box::pin(shrink(transaction, call, amount))).await
    }

    /// Settles an open call: its cost takes the place of what it held, in the windows it was held in, and is added to
    /// its turn. A call that was settled stays as it was. Answers what budgets have reached a threshold by it.
    ///
    /// # Errors
    /// When the store fails: the call stays open then.
    pub async fn settle(&self, call: CallRef, settlement: &Settlement) -> Result<Vec<Crossing>, StoreError> {
        let settlement = settlement.clone();
        self.0
            .write_session(call.tenant, call.session, move |transaction| {
                Box::pin(async move { settle(transaction, call, &settlement).await })
            })
            .await
    }
}

async fn open(transaction: &mut Transaction<'_, Any>, new: &NewCall, ask: &Ask) -> Result<Decision, StoreError> {
    let CallRef { id, tenant, session, turn } = new.call;
    let row = sqlx::query("select key_id from turns where id = $1")
        .bind(turn.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    let key = row.map(|row| codec::maybe_text(&row, "key_id")).transpose()?.flatten().map(KeyId::new);
    let standings = on_path(transaction, tenant, key.as_ref(), session, new.at).await?;
    let decision = decide(&standings, ask);
    let Decision::Hold { amount, .. } = decision else { return Ok(decision) };
    sqlx::query(
        "insert into ledger (id, tenant_id, session_id, turn_id, key_id, status, model, price_version,
            input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
            web_search_requests, held_nanos, cost_nanos, opened_at)
         values ($1, $2, $3, $4, $5, 'open', $6, $7, 0, 0, 0, 0, 0, 0, $8, 0, $9)",
    )
    .bind(id.to_string())
    .bind(tenant.to_string())
    .bind(session.to_string())
    .bind(turn.to_string())
    .bind(key.as_ref().map(KeyId::to_string))
    .bind(&new.model)
    .bind(&new.price_version)
    .bind(amount.as_nanos())
    .bind(new.at.as_micros())
    .execute(&mut **transaction)
    .await?;
    for standing in &standings {
        take(transaction, id, standing, amount).await?;
    }
    Ok(decision)
}

async fn shrink(transaction: &mut Transaction<'_, Any>, call: CallRef, amount: Usd) -> Result<(), StoreError> {
    let held = held(transaction, call.id).await?;
    let Some(surplus) = held.map(|held| held.as_nanos() - amount.as_nanos()).filter(|surplus| *surplus > 0) else {
        return Ok(());
    };
    sqlx::query("update ledger set held_nanos = held_nanos - $1 where id = $2")
        .bind(surplus)
        .bind(call.id.to_string())
        .execute(&mut **transaction)
        .await?;
    give_back(transaction, call.id, surplus, 0).await?;
    Ok(())
}

async fn settle(
    transaction: &mut Transaction<'_, Any>,
    call: CallRef,
    settlement: &Settlement,
) -> Result<Vec<Crossing>, StoreError> {
    let usage = &settlement.usage;
    let Some(held) = held(transaction, call.id).await? else { return Ok(Vec::new()) };
    sqlx::query(
        "update ledger set status = $1, model = $2, input_tokens = $3, output_tokens = $4,
            cache_read_tokens = $5, cache_write_5m_tokens = $6, cache_write_1h_tokens = $7,
            web_search_requests = $8, cost_nanos = $9, settled_at = $10, estimate_reason = $11
         where id = $12",
    )
    .bind(if settlement.estimated.is_none() { "exact" } else { "estimated" })
    .bind(&settlement.model)
    .bind(codec::as_number(usage.input_tokens))
    .bind(codec::as_number(usage.output_tokens))
    .bind(codec::as_number(usage.cache_read_tokens))
    .bind(codec::as_number(usage.cache_write_5m_tokens))
    .bind(codec::as_number(usage.cache_write_1h_tokens))
    .bind(codec::as_number(usage.web_search_requests))
    .bind(settlement.cost.as_nanos())
    .bind(settlement.at.as_micros())
    .bind(settlement.estimated.map(EstimateReason::as_str))
    .bind(call.id.to_string())
    .execute(&mut **transaction)
    .await?;
    sqlx::query("update turns set cost_nanos = cost_nanos + $1 where id = $2")
        .bind(settlement.cost.as_nanos())
        .bind(call.turn.to_string())
        .execute(&mut **transaction)
        .await?;
    give_back(transaction, call.id, held.as_nanos(), settlement.cost.as_nanos()).await?;
    totals::add(transaction, call, settlement).await?;
    let crossings = crossings(transaction, call, settlement.at).await?;
    sqlx::query("delete from holds where call_id = $1").bind(call.id.to_string()).execute(&mut **transaction).await?;
    Ok(crossings)
}

/// What an open call holds; `None` when it is not open.
async fn held(transaction: &mut Transaction<'_, Any>, call: CallId) -> Result<Option<Usd>, StoreError> {
    let row = sqlx::query("select held_nanos from ledger where id = $1 and status = 'open'")
        .bind(call.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| codec::number(&row, "held_nanos").map(Usd::from_nanos)).transpose()
}

async fn take(
    transaction: &mut Transaction<'_, Any>,
    call: CallId,
    standing: &Standing,
    amount: Usd,
) -> Result<(), StoreError> {
    let (budget, starts_at) = (standing.budget.id.to_string(), standing.starts_at.as_micros());
    sqlx::query(
        "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
         values ($1, $2, 0, 0, $3, 0)
         on conflict (budget_id, starts_at) do update set held_nanos = budget_windows.held_nanos + $3",
    )
    .bind(&budget)
    .bind(starts_at)
    .bind(amount.as_nanos())
    .execute(&mut **transaction)
    .await?;
    sqlx::query("insert into holds (call_id, budget_id, starts_at) values ($1, $2, $3)")
        .bind(call.to_string())
        .bind(budget)
        .bind(starts_at)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn give_back(
    transaction: &mut Transaction<'_, Any>,
    call: CallId,
    held_nanos: i64,
    spent_nanos: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "update budget_windows set held_nanos = held_nanos - $1, spent_nanos = spent_nanos + $2
         where exists (select 1 from holds h where h.call_id = $3
            and h.budget_id = budget_windows.budget_id and h.starts_at = budget_windows.starts_at)",
    )
    .bind(held_nanos)
    .bind(spent_nanos)
    .bind(call.to_string())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
