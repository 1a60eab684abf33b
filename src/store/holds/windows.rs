//! The windows that calls hold money of: where it is taken, given back and spent.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Any, Transaction};

use super::rows::{List, groups, values};
use crate::domain::{BudgetId, CallId, Standing, Timestamp, Usd};
use crate::store::{StoreError, codec};

/// A window of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::store) struct Window {
    pub(in crate::store) budget: BudgetId,
    pub(in crate::store) starts_at: Timestamp,
}

/// The windows that each call holds money of, by the text of the call's id.
pub(super) type Held = HashMap<String, Vec<Window>>;

impl Window {
    /// The window a budget stands in.
    pub(super) fn of(standing: &Standing) -> Self {
        Self { budget: standing.budget.id, starts_at: standing.starts_at }
    }
}

/// Holds an amount of a window for each of `holds`.
pub(super) async fn hold(
    transaction: &mut Transaction<'_, Any>,
    holds: &[(CallId, Window, Usd)],
) -> Result<(), StoreError> {
    for group in groups(holds) {
        let values_3 = values(group.len(), 3);
        let statement = format!("insert into holds (call_id, budget_id, starts_at) values {values_3}");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for (call, window, _) in group {
            query = query.bind(call.to_string()).bind(window.budget.to_string()).bind(window.starts_at.as_micros());
        }
        query.execute(&mut **transaction).await?;
    }
    let mut sums = BTreeMap::<Window, Usd>::new();
    for (_, window, amount) in holds {
        let sum = sums.entry(*window).or_default();
        *sum = (*sum + *amount).bounded();
    }
    let sums: Vec<_> = sums.into_iter().collect();
    for group in groups(&sums) {
        let values_3 = values(group.len(), 3);
        let statement = format!(
            "with given (budget_id, starts_at, amount) as (values {values_3})
             insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
             select budget_id, starts_at, 0, 0, amount, 0 from given where true
             on conflict (budget_id, starts_at) do update set held_nanos = case
                when budget_windows.held_nanos > 1000000000000000000 - excluded.held_nanos then 1000000000000000000
                else budget_windows.held_nanos + excluded.held_nanos end"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for (window, amount) in group {
            query = query.bind(window.budget.to_string()).bind(window.starts_at.as_micros()).bind(amount.as_nanos());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// The windows that `calls` hold money of.
pub(super) async fn held(
    transaction: &mut Transaction<'_, Any>,
    calls: impl Iterator<Item = String>,
) -> Result<Held, StoreError> {
    let calls = List::new(calls, 1);
    let statement = format!(
        "select call_id, budget_id, starts_at from holds where call_id in ({calls})",
        calls = calls.placeholders
    );
    read(transaction, statement, calls).await
}

/// Forgets which windows `calls` hold money of, and returns them.
pub(super) async fn forget(
    transaction: &mut Transaction<'_, Any>,
    calls: impl Iterator<Item = String>,
) -> Result<Held, StoreError> {
    let calls = List::new(calls, 1);
    let statement = format!(
        "delete from holds where call_id in ({calls}) returning call_id, budget_id, starts_at",
        calls = calls.placeholders
    );
    read(transaction, statement, calls).await
}

async fn read(transaction: &mut Transaction<'_, Any>, statement: String, calls: List) -> Result<Held, StoreError> {
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for call in calls.into_values() {
        query = query.bind(call);
    }
    let mut held = Held::new();
    for row in query.fetch_all(&mut **transaction).await? {
        // No budget has an id that cannot be read.
        let Ok(budget) = codec::parsed(&row, "budget_id") else { continue };
        let window = Window { budget, starts_at: codec::time(&row, "starts_at")? };
        held.entry(codec::text(&row, "call_id")?).or_default().push(window);
    }
    Ok(held)
}

/// Closes what a call of which nothing but the id can be read holds: the amount is spent.
pub(in crate::store) async fn charge(
    transaction: &mut Transaction<'_, Any>,
    call: &str,
    amount: Usd,
) -> Result<(), StoreError> {
    let windows = forget(transaction, std::iter::once(call.to_owned())).await?;
    give_back(transaction, windows.into_values().flatten().map(|window| (window, amount, amount))).await
}

/// Gives an amount back to windows, and adds what is spent there.
pub(super) async fn give_back(
    transaction: &mut Transaction<'_, Any>,
    amounts: impl Iterator<Item = (Window, Usd, Usd)>,
) -> Result<(), StoreError> {
    let mut sums = BTreeMap::<Window, (Usd, Usd)>::new();
    for (window, held, spent) in amounts {
        let sum = sums.entry(window).or_default();
        *sum = ((sum.0 + held).bounded(), (sum.1 + spent).bounded());
    }
    let sums: Vec<_> = sums.into_iter().collect();
    for group in groups(&sums) {
        let values_4 = values(group.len(), 4);
        let statement = format!(
            "with given (budget, start, held, spent) as (values {values_4})
             update budget_windows set
                held_nanos = case when held_nanos > 1000000000000000000 then 1000000000000000000 - held
                    when held_nanos > held then held_nanos - held else 0 end,
                spent_nanos = case when spent_nanos > 1000000000000000000 - spent then 1000000000000000000
                    else spent_nanos + spent end
             from given where budget_id = budget and starts_at = start"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
        for (window, (held, spent)) in group {
            query = query
                .bind(window.budget.to_string())
                .bind(window.starts_at.as_micros())
                .bind(held.as_nanos())
                .bind(spent.as_nanos());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
