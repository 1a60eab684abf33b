//! A budget's windows of time: what was spent and is held in each, and what was given on top.

use serde_json::json;
use sqlx::{Any, Transaction};

use super::StoreError;
use super::audit::{self, Record};
use super::budgets::{self, Budgets};
use super::scope_rows::{self, Span, Sums};
use super::turns::NewTurn;
use crate::domain::{Action, Budget, BudgetId, By, Enforcement, Period, Scope, SessionId, TenantId, Timestamp, Usd};

impl Budgets<'_> {
    /// Gives a budget more for its present window alone. Answers whether there is such a budget.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn top_up(&self, id: BudgetId, amount: Usd, reason: &str, by: &By) -> Result<bool, StoreError> {
        let (reason, by) = (reason.to_owned(), by.clone());
        self.0.write(move |transaction| {
            Box::pin(async move {
            let Some(budget) = budgets::find(transaction, id).await? else { return Ok(false) };
            let (starts_at, amount) = (budget.period.starts_at(by.at), amount.bounded());
            sqlx::query(
                "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
                 values ($1, $2, $3, 0, 0, 0)
                 on conflict (budget_id, starts_at) do update set topped_up_nanos = case
                    when budget_windows.topped_up_nanos > 1000000000000000000 - $3 then 1000000000000000000
                    else budget_windows.topped_up_nanos + $3 end",
            )
            .bind(id.to_string())
            .bind(starts_at.as_micros())
            .bind(amount.as_nanos())
            .execute(&mut **transaction)
            .await?;
            sqlx::query(
                "insert into top_ups (budget_id, starts_at, amount_nanos, actor, reason, at) values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id.to_string())
            .bind(starts_at.as_micros())
            .bind(amount.as_nanos())
            .bind(by.who.to_string())
            .bind(&reason)
            .bind(by.at.as_micros())
            .execute(&mut **transaction)
            .await?;
            let record = Record {
                action: Action::TopUpBudget,
                target: id.to_string(),
                tenant: budget.scope.tenant(),
                reason: Some(reason),
                before: Some(audit::budget(&budget)),
                after: Some(json!({ "amount_usd": amount.to_string(), "window": starts_at })),
            };
            audit::write(transaction, &by, record).await?;
            Ok(true)
            })
        })
        .await
    }
}

/// Bounds what a session may cost, when its turn asks for that: with a budget for all its turns together, or, when an
/// earlier turn made one, with another limit of that. Operators' budgets stay as they are.
pub(super) async fn bound_session(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    session: SessionId,
    turn: &NewTurn,
) -> Result<(), StoreError> {
    let Some(limit) = turn.spec.limits.and_then(|limits| limits.max_cost_usd) else { return Ok(()) };
    let changed = sqlx::query(
        "update budgets set limit_nanos = $1 where session_id = $2 and by_request = 1 and archived_at is null",
    )
    .bind(limit.bounded().as_nanos())
    .bind(session.to_string())
    .execute(&mut **transaction)
    .await?;
    if changed.rows_affected() > 0 {
        return Ok(());
    }
    let budget = Budget {
        id: BudgetId::generate(),
        scope: Scope::Session(tenant, session),
        period: Period::Total,
        limit,
        enforcement: Enforcement::Hard,
        created_at: turn.created_at,
    };
    budgets::insert(transaction, &budget).await?;
    sqlx::query("update budgets set by_request = 1 where id = $1")
        .bind(budget.id.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Fills a new budget's present window from the ledger.
pub(super) async fn fill(transaction: &mut Transaction<'_, Any>, budget: &Budget) -> Result<(), StoreError> {
    let starts_at = budget.period.starts_at(budget.created_at);
    let span = Span::of_window(budget, starts_at);
    let Sums { spent, held } = scope_rows::sums(&mut **transaction, &budget.scope, span).await?;
    sqlx::query(
        "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
         values ($1, $2, 0, $3, $4, 0)",
    )
    .bind(budget.id.to_string())
    .bind(starts_at.as_micros())
    .bind(spent.as_nanos())
    .bind(held.as_nanos())
    .execute(&mut **transaction)
    .await?;
    scope_rows::hold_open_calls(transaction, budget.id, &budget.scope, span).await
}

/// Archives the budgets of a session that is deleted.
pub(super) async fn archive_of_session(
    transaction: &mut Transaction<'_, Any>,
    session: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("update budgets set archived_at = $1 where session_id = $2 and archived_at is null")
        .bind(now.as_micros())
        .bind(session.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
