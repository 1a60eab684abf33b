//! Thresholds: a budget that has reached one tells so once in each window, in the transaction that made it reach it.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::budgets::Budgets;
use super::ledger::CallRef;
use super::standings::standing_of;
use super::{StoreError, codec, events};
use crate::domain::{BudgetId, EventKind, NewEvent, Standing, Timestamp, Usd};

/// Percentages of a budget that are told when they are reached.
const THRESHOLDS: [i64; 4] = [50, 80, 95, 100];

/// A budget of which a threshold was reached.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// The threshold, in percent.
    pub percent: i64,
    /// How the budget stands now.
    pub standing: Standing,
}

/// A threshold a budget has reached in the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The threshold, in percent.
    pub percent: i64,
    /// What was spent then.
    pub spent: Usd,
    /// Of how much.
    pub limit: Usd,
    /// When.
    pub at: Timestamp,
}

impl Budgets<'_> {
    /// The thresholds a budget has reached in the window that began at `starts_at`, in order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reached(&self, budget: BudgetId, starts_at: Timestamp) -> Result<Vec<Reached>, StoreError> {
        let rows = sqlx::query("select * from budget_events where budget_id = $1 and starts_at = $2 order by percent")
            .bind(budget.to_string())
            .bind(starts_at.as_micros())
            .fetch_all(&self.0.read)
            .await?;
        let reached = |row: &AnyRow| {
            Ok(Reached {
                percent: codec::number(row, "percent")?,
                spent: codec::amount(row, "spent_nanos")?,
                limit: codec::amount(row, "limit_nanos")?,
                at: codec::time(row, "at")?,
            })
        };
        rows.iter().map(reached).collect()
    }
}

/// The budgets a call held money of that have reached a threshold not told yet. That they are told is noted, and written as
/// an event of the budget and of the session that called.
pub(super) async fn crossings(
    transaction: &mut Transaction<'_, Any>,
    call: CallRef,
    at: Timestamp,
) -> Result<Vec<Crossing>, StoreError> {
    let rows = sqlx::query(
        "select b.*, w.starts_at as starts_at, w.topped_up_nanos as topped_up_nanos, w.spent_nanos as spent_nanos, w.held_nanos as held_nanos,
            w.told_percent as told_percent
         from holds h join budgets b on b.id = h.budget_id
            join budget_windows w on w.budget_id = h.budget_id and w.starts_at = h.starts_at
         where h.call_id = $1",
    )
    .bind(call.id.to_string())
    .fetch_all(&mut **transaction)
    .await?;
    let mut crossings = Vec::new();
    for row in &rows {
        let Some(crossing) = crossing(row)? else { continue };
        note(transaction, &crossing, at).await?;
        crossings.push(crossing);
    }
    tell_session(transaction, call, &crossings, at).await?;
    Ok(crossings)
}

async fn note(transaction: &mut Transaction<'_, Any>, crossing: &Crossing, at: Timestamp) -> Result<(), StoreError> {
    let Crossing { percent, standing } = crossing;
    sqlx::query("update budget_windows set told_percent = $1 where budget_id = $2 and starts_at = $3")
        .bind(percent)
        .bind(standing.budget.id.to_string())
        .bind(standing.starts_at.as_micros())
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "insert into budget_events (budget_id, starts_at, percent, spent_nanos, limit_nanos, at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(standing.budget.id.to_string())
    .bind(standing.starts_at.as_micros())
    .bind(percent)
    .bind(standing.spent.as_nanos())
    .bind(standing.limit().as_nanos())
    .bind(at.as_micros())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Writes the crossings into the session that called, unless it was deleted meanwhile.
async fn tell_session(
    transaction: &mut Transaction<'_, Any>,
    call: CallRef,
    crossings: &[Crossing],
    at: Timestamp,
) -> Result<(), StoreError> {
    let told: Vec<_> = crossings
        .iter()
        .filter(|crossing| crossing.standing.budget.scope.tenant().is_some())
        .map(|Crossing { percent, standing }| NewEvent {
            turn: call.turn,
            kind: EventKind::Budget,
            payload: json!({
                "budget_id": standing.budget.id, "scope": standing.budget.scope.kind(), "period": standing.budget.period,
                "percent": percent, "spent_usd": standing.spent.to_string(), "limit_usd": standing.limit().to_string(),
            })
            .to_string(),
            at,
        })
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    let session = sqlx::query("select id from sessions where id = $1")
        .bind(call.session.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    if session.is_some() {
        events::insert(transaction, call.session, &told).await?;
    }
    Ok(())
}

fn crossing(row: &AnyRow) -> Result<Option<Crossing>, StoreError> {
    let (standing, told) = (standing_of(row)?, codec::number(row, "told_percent")?);
    let percent = standing.percent_spent();
    let reached = THRESHOLDS.into_iter().rev().find(|threshold| *threshold <= percent && *threshold > told);
    Ok(reached.map(|percent| Crossing { percent, standing }))
}
