//! Budgets in the store.

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::{Store, StoreError, codec};
use crate::domain::{
    Budget, BudgetId, Enforcement, KeyId, Period, Scope, SessionId, Standing, TenantId, Timestamp, Usd,
};

/// The budgets.
#[derive(Debug)]
pub struct Budgets<'a>(pub(super) &'a Store);

impl Budgets<'_> {
    /// Writes a new budget. What was spent already in its present window counts, and what calls under way hold.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(&self, budget: &Budget) -> Result<(), StoreError> {
        let (tenant, key, session) = ids(&budget.scope);
        let mut transaction = self.0.begin().await?;
        sqlx::query(
            "insert into budgets (id, scope, tenant_id, key_id, session_id, period, limit_nanos, enforcement, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(budget.id.to_string())
        .bind(budget.scope.kind())
        .bind(tenant)
        .bind(key)
        .bind(session)
        .bind(budget.period.as_str())
        .bind(budget.limit.as_nanos())
        .bind(budget.enforcement.as_str())
        .bind(budget.created_at.as_micros())
        .execute(&mut *transaction)
        .await?;
        fill(&mut transaction, budget).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a budget's limit and what happens when it is spent. Answers whether there is such a budget.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn update(&self, id: BudgetId, limit: Usd, enforcement: Enforcement) -> Result<bool, StoreError> {
        let updated =
            sqlx::query("update budgets set limit_nanos = $1, enforcement = $2 where id = $3 and archived_at is null")
                .bind(limit.as_nanos())
                .bind(enforcement.as_str())
                .bind(id.to_string())
                .execute(&self.0.write)
                .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Lets a budget bound nothing any more. Answers whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn archive(&self, id: BudgetId, now: Timestamp) -> Result<bool, StoreError> {
        let archived = sqlx::query("update budgets set archived_at = $1 where id = $2 and archived_at is null")
            .bind(now.as_micros())
            .bind(id.to_string())
            .execute(&self.0.write)
            .await?;
        Ok(archived.rows_affected() == 1)
    }

    /// All budgets in force, oldest first, as they stand now: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query("select * from budgets where archived_at is null order by created_at, id")
            .fetch_all(&self.0.read)
            .await?;
        let mut transaction = self.0.read.begin().await?;
        standings(&mut transaction, &rows, now).await
    }

    /// The budgets that bound a tenant as a whole, the installation's not among them, as they stand now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_tenant(&self, tenant: TenantId, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query(
            "select * from budgets where archived_at is null and scope = 'tenant' and tenant_id = $1
             order by created_at, id",
        )
        .bind(tenant.to_string())
        .fetch_all(&self.0.read)
        .await?;
        let mut transaction = self.0.read.begin().await?;
        standings(&mut transaction, &rows, now).await
    }
}

/// The budgets on the path of a call, as they stand now.
pub(super) async fn on_path(
    transaction: &mut Transaction<'_, Any>,
    tenant: TenantId,
    key: Option<&KeyId>,
    session: SessionId,
    now: Timestamp,
) -> Result<Vec<Standing>, StoreError> {
    let rows = sqlx::query(
        "select * from budgets where archived_at is null and (scope = 'installation'
            or (scope = 'tenant' and tenant_id = $1)
            or (scope = 'key' and tenant_id = $1 and key_id = $2)
            or (scope = 'session' and tenant_id = $1 and session_id = $3))",
    )
    .bind(tenant.to_string())
    .bind(key.map(KeyId::as_str).unwrap_or_default())
    .bind(session.to_string())
    .fetch_all(&mut **transaction)
    .await?;
    standings(transaction, &rows, now).await
}

async fn standings(
    transaction: &mut Transaction<'_, Any>,
    rows: &[AnyRow],
    now: Timestamp,
) -> Result<Vec<Standing>, StoreError> {
    let mut standings = Vec::with_capacity(rows.len());
    for row in rows {
        let budget = budget(row)?;
        let starts_at = budget.period.starts_at(now);
        let window = sqlx::query("select * from budget_windows where budget_id = $1 and starts_at = $2")
            .bind(budget.id.to_string())
            .bind(starts_at.as_micros())
            .fetch_optional(&mut **transaction)
            .await?;
        let (spent, held) = match window {
            Some(window) => (codec::number(&window, "spent_nanos")?, codec::number(&window, "held_nanos")?),
            None => (0, 0),
        };
        standings.push(Standing { budget, starts_at, spent: Usd::from_nanos(spent), held: Usd::from_nanos(held) });
    }
    Ok(standings)
}

/// Fills a new budget's present window from the ledger.
async fn fill(transaction: &mut Transaction<'_, Any>, budget: &Budget) -> Result<(), StoreError> {
    let (tenant, key, session) = ids(&budget.scope);
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
        "insert into budget_windows (budget_id, starts_at, spent_nanos, held_nanos, told_percent)
         values ($1, $2, $3, $4, 0)",
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

/// The ids of a scope as its columns hold them: tenant, key, session.
fn ids(scope: &Scope) -> (Option<String>, Option<String>, Option<String>) {
    match scope {
        Scope::Installation => (None, None, None),
        Scope::Tenant(tenant) => (Some(tenant.to_string()), None, None),
        Scope::Key(tenant, key) => (Some(tenant.to_string()), Some(key.to_string()), None),
        Scope::Session(tenant, session) => (Some(tenant.to_string()), None, Some(session.to_string())),
    }
}

/// A budget with the window in the same row.
pub(super) fn standing_of(row: &AnyRow) -> Result<Standing, StoreError> {
    Ok(Standing {
        budget: budget(row)?,
        starts_at: codec::time(row, "starts_at")?,
        spent: Usd::from_nanos(codec::number(row, "spent_nanos")?),
        held: Usd::from_nanos(codec::number(row, "held_nanos")?),
    })
}

fn budget(row: &AnyRow) -> Result<Budget, StoreError> {
    let scope = match codec::text(row, "scope")?.as_str() {
        "installation" => Scope::Installation,
        "tenant" => Scope::Tenant(codec::parsed(row, "tenant_id")?),
        "key" => Scope::Key(codec::parsed(row, "tenant_id")?, KeyId::new(codec::text(row, "key_id")?)),
        "session" => Scope::Session(codec::parsed(row, "tenant_id")?, codec::parsed(row, "session_id")?),
        _ => return Err(StoreError::Corrupt { column: "scope" }),
    };
    Ok(Budget {
        id: codec::parsed(row, "id")?,
        scope,
        period: codec::word(row, "period", Period::parse)?,
        limit: Usd::from_nanos(codec::number(row, "limit_nanos")?),
        enforcement: codec::word(row, "enforcement", Enforcement::parse)?,
        created_at: codec::time(row, "created_at")?,
    })
}
