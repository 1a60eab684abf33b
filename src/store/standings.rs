//! How budgets stand in their present windows. Each is one statement that finds its rows by an index.

use sqlx::Any;
use sqlx::any::AnyRow;

use super::budgets::{Budgets, budget};
use super::{StoreError, codec};
use crate::domain::{BudgetId, Period, Standing, TenantId, Timestamp, Usd};

/// A budget with its window: the window's columns are null where nothing was spent or held yet.
pub(super) const COLUMNS: &str = "b.*, w.starts_at, w.spent_nanos, w.held_nanos, w.topped_up_nanos, w.told_percent";

/// Budgets and the windows that `$1` to `$4` lie in the beginning of.
pub(super) const BUDGETS: &str = "budgets b left join budget_windows w on w.budget_id = b.id and w.starts_at =
    case b.period when 'day' then $1 when 'week' then $2 when 'month' then $3 else $4 end";

/// Budgets of a page that is read for all budgets.
const PAGE: u32 = 1_000;

/// A statement.
pub(super) type Query = sqlx::query::Query<'static, Any, sqlx::any::AnyArguments>;

impl Budgets<'_> {
    /// The budgets in force after the budget `after`, or from the first one on, oldest first, at most `limit`: for operators,
    /// who act for no tenant. `None` when there never was a budget `after`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(
        &self,
        after: Option<BudgetId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<Vec<Standing>>, StoreError> {
        let after = match after {
            None => (i64::MIN, String::new()),
            Some(id) => {
                let row = sqlx::query("select created_at from budgets where id = $1")
                    .bind(id.to_string())
                    .fetch_optional(&self.0.reports)
                    .await?;
                let Some(row) = row else { return Ok(None) };
                (codec::number(&row, "created_at")?, id.to_string())
            }
        };
        let statement = format!(
            "select {COLUMNS} from {BUDGETS} where b.archived_at is null and (b.created_at, b.id) > ($5, $6)
             order by b.created_at, b.id limit $7"
        );
        let query = in_windows_of(statement, now).bind(after.0).bind(after.1).bind(i64::from(limit));
        standings(&query.fetch_all(&self.0.reports).await?, now).map(Some)
    }

    /// All budgets in force, oldest first. There may be one for each session: only what has to look at all of them may.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let mut all: Vec<Standing> = Vec::new();
        loop {
            let after = all.last().map(|standing| standing.budget.id);
            let page = self.page(after, PAGE, now).await?.unwrap_or_default();
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// The budget of this id, if it is in force.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, id: BudgetId, now: Timestamp) -> Result<Option<Standing>, StoreError> {
        let statement = format!("select {COLUMNS} from {BUDGETS} where b.archived_at is null and b.id = $5");
        let row = in_windows_of(statement, now).bind(id.to_string()).fetch_optional(&self.0.read).await?;
        row.map(|row| standing(&row, now)).transpose()
    }

    /// All budgets in force but those of single sessions: for the metrics, which ask often.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lasting(&self, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let statement = format!(
            "select {COLUMNS} from {BUDGETS}
             where b.archived_at is null and b.scope in ('installation', 'tenant', 'key') order by b.created_at, b.id"
        );
        standings(&in_windows_of(statement, now).fetch_all(&self.0.read).await?, now)
    }

    /// The budgets that bound a tenant as a whole and each of its keys: not the installation's, and not those of single
    /// sessions.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_tenant(&self, tenant: TenantId, now: Timestamp) -> Result<Vec<Standing>, StoreError> {
        let statement = format!(
            "select {COLUMNS} from {BUDGETS}
             where b.archived_at is null and b.scope in ('tenant', 'key') and b.tenant_id = $5
             order by b.created_at, b.id"
        );
        standings(&in_windows_of(statement, now).bind(tenant.to_string()).fetch_all(&self.0.read).await?, now)
    }
}

/// A statement over [`BUDGETS`] in the windows of `now`. Further values are bound from `$5` on.
pub(super) fn in_windows_of(statement: String, now: Timestamp) -> Query {
    let starts = [Period::Day, Period::Week, Period::Month, Period::Total].map(|period| period.starts_at(now));
    let query = sqlx::query(sqlx::AssertSqlSafe(statement));
    starts.into_iter().fold(query, |query, start| query.bind(start.as_micros()))
}

fn standings(rows: &[AnyRow], now: Timestamp) -> Result<Vec<Standing>, StoreError> {
    rows.iter().map(|row| standing(row, now)).collect()
}

/// A budget with its window in the same row.
pub(super) fn standing(row: &AnyRow, now: Timestamp) -> Result<Standing, StoreError> {
    let budget = budget(row)?;
    let starts_at = budget.period.starts_at(now);
    let mut standing =
        Standing { budget, starts_at, topped_up: Usd::ZERO, spent: Usd::ZERO, held: Usd::ZERO, held_by_tenant: None };
    if codec::maybe_time(row, "starts_at")?.is_some() {
        fill(&mut standing, row)?;
    }
    Ok(standing)
}

/// A budget with one of its windows in the same row.
pub(super) fn standing_of(row: &AnyRow) -> Result<Standing, StoreError> {
    let starts_at = codec::time(row, "starts_at")?;
    let mut standing = standing(row, starts_at)?;
    standing.starts_at = starts_at;
    Ok(standing)
}

fn fill(standing: &mut Standing, row: &AnyRow) -> Result<(), StoreError> {
    standing.topped_up = codec::amount(row, "topped_up_nanos")?.bounded();
    standing.spent = codec::amount(row, "spent_nanos")?.bounded();
    standing.held = codec::amount(row, "held_nanos")?.bounded();
    Ok(())
}
