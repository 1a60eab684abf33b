//! Holds: the money a call may cost, taken out of every budget on its path before it is made, and given back after.
//!
//! Each step is one unit of the writer over the ledger and all the budgets. So calls decide one after the other, whatever
//! happens at the same time, and a crash leaves all or nothing.
//!
//! No sum leaves its bounds: amounts are bounded before they are written, and what they are added to stops at its bound.

use sqlx::{Any, Transaction};

use super::crossings::{Crossing, crossings};
use super::ledger::{CallRef, Ledger, NewCall, Settlement};
use super::standings::on_path;
use super::{StoreError, codec, totals};
use crate::domain::{Ask, BudgetId, CallId, Decision, EstimateReason, KeyId, Share, Standing, Usd, decide};

/// Adds to what is held in the windows that a call holds money of.
const HOLD: &str = "update budget_windows set held_nanos = case
        when held_nanos > 1000000000000000000 - $1 then 1000000000000000000 else held_nanos + $1 end
    where (budget_id, starts_at) in (select budget_id, starts_at from holds where call_id = $2)";

/// Takes from what is held in the windows that a call holds money of, and adds to what is spent there.
const GIVE_BACK: &str = "update budget_windows set
        held_nanos = case when held_nanos > 1000000000000000000 then 1000000000000000000 - $1
            when held_nanos > $1 then held_nanos - $1 else 0 end,
        spent_nanos = case when spent_nanos > 1000000000000000000 - $2 then 1000000000000000000
            else spent_nanos + $2 end
    where (budget_id, starts_at) in (select budget_id, starts_at from holds where call_id = $3)";

/// How a call comes to its decision, beside the budgets.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How budgets are divided among tenants.
    pub share: Share,
    /// Budgets that others have waited for longer: nothing may be held of them.
    pub claimed: Vec<BudgetId>,
}

impl Ledger<'_> {
    /// Opens a call in the ledger and holds the most it can cost, if every budget on its path has room for that, whoever
    /// waits for it and whatever its tenant holds.
    ///
    /// # Errors
    /// When the store fails: the call must not be made then.
    pub async fn open(&self, new: &NewCall, ask: &Ask) -> Result<Decision, StoreError> {
        self.open_within(new, ask, Terms { share: Share::ALL, claimed: Vec::new() }).await
    }

    /// The same, if the terms allow it too.
    ///
    /// # Errors
    /// When the store fails: the call must not be made then.
    pub async fn open_within(&self, new: &NewCall, ask: &Ask, terms: Terms) -> Result<Decision, StoreError> {
        let (new, ask) = (new.clone(), *ask);
        self.0.write(move |transaction| Box::pin(async move { open(transaction, &new, &ask, &terms).await })).await
    }

    /// Lowers what an open call holds to `amount`, once more is known of what it will cost.
    ///
    /// # Errors
    /// When the store fails: the call holds what it held then.
    pub async fn shrink(&self, call: CallRef, amount: Usd) -> Result<(), StoreError> {
        self.0.write(move |transaction| Box::pin(shrink(transaction, call.id, amount.bounded_call()))).await
    }

    /// Settles an open call: its cost takes the place of what it held, in the windows it was held in, and is added to
    /// its turn. A call that was settled stays as it was. Returns the budgets that have reached a threshold by it.
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

async fn open(
    transaction: &mut Transaction<'_, Any>,
    new: &NewCall,
    ask: &Ask,
    terms: &Terms,
) -> Result<Decision, StoreError> {
    let CallRef { id, tenant, session, turn } = new.call;
    let row = sqlx::query("select key_id from turns where id = $1")
        .bind(turn.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    let key = row.map(|row| codec::maybe_text(&row, "key_id")).transpose()?.flatten().map(KeyId::new);
    let standings = on_path(transaction, tenant, key.as_ref(), session, new.at).await?;
    let decision = decide(&standings, ask, terms.share);
    let Decision::Hold { amount, .. } = decision else { return Ok(decision) };
    if let Some(claimed) = standings.iter().find(|standing| terms.claimed.contains(&standing.budget.id)) {
        return Ok(Decision::Wait { standing: Box::new(claimed.clone()), is_share: false });
    }
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
    hold(transaction, id, &standings, amount).await?;
    Ok(decision)
}

async fn shrink(transaction: &mut Transaction<'_, Any>, call: CallId, amount: Usd) -> Result<(), StoreError> {
    let row = sqlx::query("select held_nanos from ledger where id = $1 and status = 'open'")
        .bind(call.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let surplus = codec::amount(&row, "held_nanos")?.minus(amount);
    if surplus <= Usd::ZERO {
        return Ok(());
    }
    sqlx::query("update ledger set held_nanos = $1 where id = $2")
        .bind(amount.as_nanos())
        .bind(call.to_string())
        .execute(&mut **transaction)
        .await?;
    give_back(transaction, &call.to_string(), surplus, Usd::ZERO).await
}

async fn settle(
    transaction: &mut Transaction<'_, Any>,
    call: CallRef,
    settlement: &Settlement,
) -> Result<Vec<Crossing>, StoreError> {
    let settlement =
        &Settlement { usage: settlement.usage.bounded(), cost: settlement.cost.bounded_call(), ..settlement.clone() };
    let usage = &settlement.usage;
    let settled = sqlx::query(
        "update ledger set status = $1, model = $2, input_tokens = $3, output_tokens = $4,
            cache_read_tokens = $5, cache_write_5m_tokens = $6, cache_write_1h_tokens = $7,
            web_search_requests = $8, cost_nanos = $9, settled_at = $10, estimate_reason = $11
         where id = $12 and status = 'open' returning held_nanos",
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
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(settled) = settled else { return Ok(Vec::new()) };
    let held = codec::amount(&settled, "held_nanos")?;
    sqlx::query(
        "update turns set cost_nanos = case when cost_nanos > 1000000000000000000 - $1 then 1000000000000000000
            else cost_nanos + $1 end where id = $2",
    )
    .bind(settlement.cost.as_nanos())
    .bind(call.turn.to_string())
    .execute(&mut **transaction)
    .await?;
    give_back(transaction, &call.id.to_string(), held.bounded_call(), settlement.cost).await?;
    totals::add(transaction, call, settlement).await?;
    let crossings = crossings(transaction, call, settlement.at).await?;
    release(transaction, &call.id.to_string()).await?;
    Ok(crossings)
}

/// Forgets which windows a call holds money of.
pub(super) async fn release(transaction: &mut Transaction<'_, Any>, call: &str) -> Result<(), StoreError> {
    sqlx::query("delete from holds where call_id = $1").bind(call.to_owned()).execute(&mut **transaction).await?;
    Ok(())
}

/// Holds `amount` of the windows of `standings`, however many there are, with three statements.
async fn hold(
    transaction: &mut Transaction<'_, Any>,
    call: CallId,
    standings: &[Standing],
    amount: Usd,
) -> Result<(), StoreError> {
    if standings.is_empty() {
        return Ok(());
    }
    let values: Vec<_> =
        (0..standings.len()).map(|place| format!("($1, ${}, ${})", place * 2 + 2, place * 2 + 3)).collect();
    let values = values.join(", ");
    let statement = format!("insert into holds (call_id, budget_id, starts_at) values {values}");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(call.to_string());
    for standing in standings {
        query = query.bind(standing.budget.id.to_string()).bind(standing.starts_at.as_micros());
    }
    query.execute(&mut **transaction).await?;
    sqlx::query(
        "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
         select budget_id, starts_at, 0, 0, 0, 0 from holds where call_id = $1 on conflict do nothing",
    )
    .bind(call.to_string())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(HOLD).bind(amount.as_nanos()).bind(call.to_string()).execute(&mut **transaction).await?;
    Ok(())
}

/// Gives `held` back to the windows that a call holds money of, and books what it `spent` there.
pub(super) async fn give_back(
    transaction: &mut Transaction<'_, Any>,
    call: &str,
    held: Usd,
    spent: Usd,
) -> Result<(), StoreError> {
    sqlx::query(GIVE_BACK)
        .bind(held.as_nanos())
        .bind(spent.as_nanos())
        .bind(call.to_owned())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
