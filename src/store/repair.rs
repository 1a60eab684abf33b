//! Repair: makes what budgets say was spent and is held agree with the ledger.
//!
//! The two are written together and agree. They may still differ where an earlier version counted wrongly, or somebody wrote to
//! the database by hand. The start repairs what is known or seen to be wrong; `innkeeper budgets repair` looks at all budgets.

use serde_json::{Value, json};
use sqlx::{Any, Transaction};
use tracing::warn;

use super::audit::{self, Record};
use super::budgets::{Budgets, budget};
use super::scope_rows::{self, Span, Sums};
use super::{Store, StoreError, codec};
use crate::domain::{Action, Budget, BudgetId, By, Timestamp, Usd, Who};

/// Windows of which an amount is out of its bounds, or no whole number.
const IMPOSSIBLE: &str = "select budget_id, starts_at from budget_windows
    where spent_nanos not between 0 and 1000000000000000000 or spent_nanos <> cast(spent_nanos as bigint)
        or held_nanos not between 0 and 1000000000000000000 or held_nanos <> cast(held_nanos as bigint)
        or topped_up_nanos not between 0 and 1000000000000000000
        or topped_up_nanos <> cast(topped_up_nanos as bigint)";

/// A budget's window whose amounts were wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The budget.
    pub budget: BudgetId,
    /// When the window began.
    pub starts_at: Timestamp,
    /// What it said was spent, and what was.
    pub spent: (Usd, Usd),
    /// What it said was held, and what is.
    pub held: (Usd, Usd),
}

impl Budgets<'_> {
    /// Makes the present windows of all budgets in force agree with the ledger. Returns those that did not.
    ///
    /// # Errors
    /// When the store fails; what was repaired until then stays so.
    pub async fn repair(&self, by: &By) -> Result<Vec<Repaired>, StoreError> {
        let mut repaired = Vec::new();
        for standing in self.list(by.at).await? {
            let span = Span::of_window(&standing.budget, standing.starts_at);
            let sums = scope_rows::sums(&self.0.reports, &standing.budget.scope, span).await?;
            // Calls go on meanwhile, so what differs is looked at again within the transaction.
            if sums != (Sums { spent: standing.spent, held: standing.held }) {
                repaired.extend(self.0.recount(&standing.budget.id.to_string(), standing.starts_at, by).await?);
            }
        }
        Ok(repaired)
    }
}

impl Store {
    /// Reports the rows that were found wrong when the database was brought up to date, and makes the windows agree with the
    /// ledger that are wrong, or hold money although no call is open. For the start of the server.
    pub(super) async fn repair(&self, now: Timestamp) -> Result<(), StoreError> {
        let by = By { who: Who::Server, from: None, at: now };
        for row in sqlx::query("select * from repairs order by table_name, id").fetch_all(&self.read).await? {
            let [table, id, found] =
                [codec::text(&row, "table_name")?, codec::text(&row, "id")?, codec::text(&row, "found")?];
            if table == "ledger" {
                warn!(
                    call = id,
                    found, "a row of the ledger held an amount that cannot be: it was brought within bounds"
                );
            } else {
                self.recount(&id, codec::time(&row, "starts_at")?, &by).await?;
            }
        }
        let impossible = sqlx::query(IMPOSSIBLE).fetch_all(&self.read).await?;
        let holding = sqlx::query("select budget_id, starts_at from budget_windows where held_nanos <> 0");
        for row in impossible.iter().chain(&holding.fetch_all(&self.read).await?) {
            self.recount(&codec::text(row, "budget_id")?, codec::time(row, "starts_at")?, &by).await?;
        }
        self.write(|transaction| {
            Box::pin(async move {
                sqlx::query("delete from repairs where table_name in ('ledger', 'budget_windows')")
                    .execute(&mut **transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Counts a budget's window again, and writes what it comes to if that is something else.
    async fn recount(&self, id: &str, starts_at: Timestamp, by: &By) -> Result<Option<Repaired>, StoreError> {
        let (id, by) = (id.to_owned(), by.clone());
        let unit =
            self.write(move |transaction| Box::pin(async move { recount(transaction, &id, starts_at, &by).await }));
        let repaired = unit.await?;
        if let Some(Repaired { budget, spent, held, .. }) = &repaired {
            warn!(
                %budget, window = %starts_at, spent = %spent.1, held = %held.1, spent_before = %spent.0,
                held_before = %held.0, "a budget's window did not agree with the ledger: it was repaired"
            );
        }
        Ok(repaired)
    }
}

async fn recount(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
    starts_at: Timestamp,
    by: &By,
) -> Result<Option<Repaired>, StoreError> {
    let row = sqlx::query("select * from budgets where id = $1")
        .bind(id.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(Ok(budget)) = row.as_ref().map(budget) else { return Ok(None) };
    let row = sqlx::query("select * from budget_windows where budget_id = $1 and starts_at = $2")
        .bind(id.to_owned())
        .bind(starts_at.as_micros())
        .fetch_optional(&mut **transaction)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let [before_spent, before_held] = [codec::amount(&row, "spent_nanos")?, codec::amount(&row, "held_nanos")?];
    let topped_up = codec::amount(&row, "topped_up_nanos")?.bounded();
    let spent = scope_rows::sums(&mut **transaction, &budget.scope, Span::of_window(&budget, starts_at)).await?.spent;
    let held = held_of(transaction, id, starts_at).await?;
    let is_whole =
        ["spent_nanos", "held_nanos", "topped_up_nanos"].iter().all(|column| codec::number(&row, column).is_ok());
    if is_whole && (before_spent, before_held) == (spent, held) {
        return Ok(None);
    }
    sqlx::query(
        "update budget_windows set spent_nanos = $1, held_nanos = $2, topped_up_nanos = $3
         where budget_id = $4 and starts_at = $5",
    )
    .bind(spent.as_nanos())
    .bind(held.as_nanos())
    .bind(topped_up.as_nanos())
    .bind(id.to_owned())
    .bind(starts_at.as_micros())
    .execute(&mut **transaction)
    .await?;
    let repaired = Repaired { budget: budget.id, starts_at, spent: (before_spent, spent), held: (before_held, held) };
    write(transaction, &budget, &repaired, by).await?;
    Ok(Some(repaired))
}

/// What the open calls hold that are noted to hold money of a window.
async fn held_of(transaction: &mut Transaction<'_, Any>, id: &str, starts_at: Timestamp) -> Result<Usd, StoreError> {
    let row = sqlx::query(
        "select cast(coalesce(sum(l.held_nanos), 0) as bigint) as held
         from holds h join ledger l on l.id = h.call_id and l.status = 'open'
         where h.budget_id = $1 and h.starts_at = $2",
    )
    .bind(id.to_owned())
    .bind(starts_at.as_micros())
    .fetch_one(&mut **transaction)
    .await?;
    Ok(codec::amount(&row, "held")?.bounded())
}

async fn write(
    transaction: &mut Transaction<'_, Any>,
    budget: &Budget,
    repaired: &Repaired,
    by: &By,
) -> Result<(), StoreError> {
    let Repaired { starts_at, spent, held, .. } = repaired;
    let window = |spent: Usd, held: Usd| -> Value {
        json!({ "window": starts_at, "spent_usd": spent.to_string(), "held_usd": held.to_string() })
    };
    let record = Record {
        action: Action::RepairBudget,
        target: budget.id.to_string(),
        tenant: budget.scope.tenant(),
        reason: None,
        before: Some(window(spent.0, held.0)),
        after: Some(window(spent.1, held.1)),
    };
    audit::write(transaction, by, record).await
}
