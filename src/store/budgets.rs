//! Budgets in the store.

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::{Store, StoreError, codec, windows};
use crate::domain::{
    Action, Budget, BudgetId, By, Enforcement, KeyId, Period, Scope, SessionId, Standing, TenantId, Timestamp, Usd,
};

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
                        .bind(limit.as_nanos())
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

    /// All budgets in force, oldest first, as they stand now: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query("select * from budgets where archived_at is null order by created_at, id")
            .fetch_all(&self.0.read)
            .await?;
        let mut transaction = self.0.read.begin().await?;
        windows::standings(&mut transaction, &rows, now).await
    }

    /// All budgets in force but those of single sessions, as they stand now, in one reading: for the metrics, which ask often.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lasting(&self, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query(
            "select b.*, w.spent_nanos, w.held_nanos, w.topped_up_nanos, w.starts_at
             from budgets b left join budget_windows w on w.budget_id = b.id and w.starts_at =
                case b.period when 'day' then $1 when 'week' then $2 when 'month' then $3 else $4 end
             where b.archived_at is null and b.scope <> 'session' order by b.created_at, b.id",
        )
        .bind(Period::Day.starts_at(now).as_micros())
        .bind(Period::Week.starts_at(now).as_micros())
        .bind(Period::Month.starts_at(now).as_micros())
        .bind(Period::Total.starts_at(now).as_micros())
        .fetch_all(&self.0.read)
        .await?;
        rows.iter()
            .map(|row| {
                let budget = budget(row)?;
                match codec::maybe_time(row, "starts_at")? {
                    Some(_) => windows::standing(budget, row),
                    None => Ok(windows::untouched(budget, now)),
                }
            })
            .collect()
    }

    /// The budgets that bound a tenant as a whole and its keys, as they stand now: not the installation's, and not those of
    /// single sessions.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_tenant(&self, tenant: TenantId, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query(
            "select * from budgets where archived_at is null and scope in ('tenant', 'key') and tenant_id = $1
             order by created_at, id",
        )
        .bind(tenant.to_string())
        .fetch_all(&self.0.read)
        .await?;
        let mut transaction = self.0.read.begin().await?;
        windows::standings(&mut transaction, &rows, now).await
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
    .bind(budget.limit.as_nanos())
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
            or (scope in ('tenant', 'key') and tenant_id = $1)
            or (scope = 'key' and tenant_id = $1 and key_id = $2)
            or (scope = 'session' and tenant_id = $1 and session_id = $3))",
    )
    .bind(tenant.to_string())
    .bind(key.map(KeyId::as_str).unwrap_or_default())
    .bind(session.to_string())
    .fetch_all(&mut **transaction)
    .await?;
    windows::standings(transaction, &rows, now).await
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
        limit: Usd::from_nanos(codec::number(row, "limit_nanos")?),
        enforcement: codec::word(row, "enforcement", Enforcement::parse)?,
        created_at: codec::time(row, "created_at")?,
    })
}
