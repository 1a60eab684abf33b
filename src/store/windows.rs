//! A budget's windows of time: what was spent and is held in each, and what was given on top.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::budgets::{self, Budgets};
use super::turns::NewTurn;
use super::{StoreError, codec};
use crate::domain::{
    Action, Budget, BudgetId, By, Enforcement, Period, Scope, SessionId, Standing, TenantId, Timestamp, Usd,
};

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
            let starts_at = budget.period.starts_at(by.at);
            sqlx::query(
                "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
                 values ($1, $2, $3, 0, 0, 0)
                 on conflict (budget_id, starts_at)
                 do update set topped_up_nanos = budget_windows.topped_up_nanos + $3",
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

    /// What was spent within a budget's scope from `since` on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spent_since(&self, budget: &Budget, since: Timestamp) -> Result<Usd, StoreError> {
        let (tenant, key, session) = budgets::ids(&budget.scope);
        let sum = sqlx::query(
            "select cast(coalesce(sum(cost_nanos), 0) as bigint) as spent from ledger
             where opened_at >= $1 and status <> 'open' and (cast($2 as text) is null or tenant_id = $2)
                and (cast($3 as text) is null or key_id = $3) and (cast($4 as text) is null or session_id = $4)",
        )
        .bind(since.as_micros())
        .bind(tenant)
        .bind(key)
        .bind(session)
        .fetch_one(&self.0.read)
        .await?;
        codec::number(&sum, "spent").map(Usd::from_nanos)
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
    .bind(limit.as_nanos())
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

/// How budgets stand now in their present windows.
/// How a budget stands of whose present window nothing was spent or held.
pub(super) fn untouched(budget: Budget, now: Timestamp) -> Standing {
    let starts_at = budget.period.starts_at(now);
    Standing { budget, starts_at, topped_up: Usd::ZERO, spent: Usd::ZERO, held: Usd::ZERO }
}

pub(super) async fn standings(
    transaction: &mut Transaction<'_, Any>,
    rows: &[AnyRow],
    now: Timestamp,
) -> Result<Vec<Standing>, StoreError> {
    let mut standings = Vec::with_capacity(rows.len());
    for row in rows {
        let budget = budgets::budget(row)?;
        let starts_at = budget.period.starts_at(now);
        let window = sqlx::query("select * from budget_windows where budget_id = $1 and starts_at = $2")
            .bind(budget.id.to_string())
            .bind(starts_at.as_micros())
            .fetch_optional(&mut **transaction)
            .await?;
        standings.push(match window {
            Some(window) => standing(budget, &window)?,
            None => untouched(budget, now),
        });
    }
    Ok(standings)
}

/// Fills a new budget's present window from the ledger.
pub(super) async fn fill(transaction: &mut Transaction<'_, Any>, budget: &Budget) -> Result<(), StoreError> {
    let (tenant, key, session) = budgets::ids(&budget.scope);
    let starts_at = budget.period.starts_at(budget.created_at).as_micros();
    let scope = "opened_at >= $1 and (cast($2 as text) is null or tenant_id = $2)
        and (cast($3 as text) is null or key_id = $3) and (cast($4 as text) is null or session_id = $4)";
    let sums = format!(
        "select cast(coalesce(sum(case when status = 'open' then 0 else cost_nanos end), 0) as bigint) as spent,
            cast(coalesce(sum(case when status = 'open' then held_nanos else 0 end), 0) as bigint) as held
         from ledger where {scope}"
    );
    let sums = sqlx::query(sqlx::AssertSqlSafe(sums))
        .bind(starts_at)
        .bind(tenant.clone())
        .bind(key.clone())
        .bind(session.clone())
        .fetch_one(&mut **transaction)
        .await?;
    sqlx::query(
        "insert into budget_windows (budget_id, starts_at, topped_up_nanos, spent_nanos, held_nanos, told_percent)
         values ($1, $2, 0, $3, $4, 0)",
    )
    .bind(budget.id.to_string())
    .bind(starts_at)
    .bind(codec::number(&sums, "spent")?)
    .bind(codec::number(&sums, "held")?)
    .execute(&mut **transaction)
    .await?;
    let holds = format!(
        "insert into holds (call_id, budget_id, starts_at)
         select id, $5, $1 from ledger where status = 'open' and {scope}"
    );
    sqlx::query(sqlx::AssertSqlSafe(holds))
        .bind(starts_at)
        .bind(tenant)
        .bind(key)
        .bind(session)
        .bind(budget.id.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A budget with the window in the same row.
pub(super) fn standing_of(row: &AnyRow) -> Result<Standing, StoreError> {
    standing(budgets::budget(row)?, row)
}

pub(super) fn standing(budget: Budget, window: &AnyRow) -> Result<Standing, StoreError> {
    let amount = |column| codec::number(window, column).map(Usd::from_nanos);
    Ok(Standing {
        budget,
        starts_at: codec::time(window, "starts_at")?,
        topped_up: amount("topped_up_nanos")?,
        spent: amount("spent_nanos")?,
        held: amount("held_nanos")?,
    })
}
