//! Budgets in the store.

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::{Store, StoreError, codec, windows};
use crate::domain::{Action, Budget, BudgetId, By, Enforcement, KeyId, Period, Scope, Usd};

/// The budgets.
#[derive(Debug)]
pub struct Budgets<'a>(pub(super) &'a Store);

impl Budgets<'_> {
    /// Writes a new budget. What was spent already in its present window counts, and what calls under way hold.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(&self, budget: &Budget, by: &By) -> Result<(), StoreError> {
        let (budget, by) = (budget.clone(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    insert(transaction, &budget).await?;
                    write_change(transaction, Action::CreateBudget, None, Some(&budget), &by).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Changes a budget's limit and what happens when it is spent. Answers whether there is such a budget.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn update(
        &self,
        id: BudgetId,
        limit: Usd,
        enforcement: Enforcement,
        by: &By,
    ) -> Result<bool, StoreError> {
        let by = by.clone();
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let Some(before) = find(transaction, id).await? else { return Ok(false) };
                    let after = Budget { limit, enforcement, ..before.clone() };
                    if before == after {
                        return Ok(true);
                    }
                    sqlx::query("update budgets set limit_nanos = $1, enforcement = $2 where id = $3")
                        .bind(limit.bounded().as_nanos())
                        .bind(enforcement.as_str())
                        .bind(id.to_string())
                        .execute(&mut **transaction)
                        .await?;
                    write_change(transaction, Action::UpdateBudget, Some(&before), Some(&after), &by).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Lets a budget bound nothing any more. Answers whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn archive(&self, id: BudgetId, by: &By) -> Result<bool, StoreError> {
        let by = by.clone();
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let Some(before) = find(transaction, id).await? else { return Ok(false) };
                    sqlx::query("update budgets set archived_at = $1 where id = $2")
                        .bind(by.at.as_micros())
                        .bind(id.to_string())
                        .execute(&mut **transaction)
                        .await?;
                    write_change(transaction, Action::ArchiveBudget, Some(&before), None, &by).await?;
                    Ok(true)
                })
            })
            .await
    }
}

pub(super) async fn insert(transaction: &mut Transaction<'_, Any>, budget: &Budget) -> Result<(), StoreError> {
    let (tenant, key, session) = ids(&budget.scope);
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
    .bind(budget.limit.bounded().as_nanos())
    .bind(budget.enforcement.as_str())
    .bind(budget.created_at.as_micros())
    .execute(&mut **transaction)
    .await?;
    windows::fill(transaction, budget).await
}

/// The budget of this id that is in force.
pub(super) async fn find(transaction: &mut Transaction<'_, Any>, id: BudgetId) -> Result<Option<Budget>, StoreError> {
    let row = sqlx::query("select * from budgets where id = $1 and archived_at is null")
        .bind(id.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    row.as_ref().map(budget).transpose()
}

async fn write_change(
    transaction: &mut Transaction<'_, Any>,
    action: Action,
    before: Option<&Budget>,
    after: Option<&Budget>,
    by: &By,
) -> Result<(), StoreError> {
    let Some(either) = after.or(before) else { return Ok(()) };
    let record = Record {
        action,
        target: either.id.to_string(),
        tenant: either.scope.tenant(),
        reason: None,
        before: before.map(audit::budget),
        after: after.map(audit::budget),
    };
    audit::write(transaction, by, record).await
}

/// The ids of a scope as its columns hold them: tenant, key, session.
pub(super) fn ids(scope: &Scope) -> (Option<String>, Option<String>, Option<String>) {
    match scope {
        Scope::Installation => (None, None, None),
        Scope::Tenant(tenant) => (Some(tenant.to_string()), None, None),
        Scope::Key(tenant, key) => (Some(tenant.to_string()), Some(key.to_string()), None),
        Scope::Session(tenant, session) => (Some(tenant.to_string()), None, Some(session.to_string())),
    }
}

pub(super) fn budget(row: &AnyRow) -> Result<Budget, StoreError> {
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
        limit: codec::amount(row, "limit_nanos")?.bounded(),
        enforcement: codec::word(row, "enforcement", Enforcement::parse)?,
        created_at: codec::time(row, "created_at")?,
    })
}
