//! The rows of the ledger that a budget counts, found by an index for each scope.

use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Transaction};

use super::budgets::Budgets;
use super::{StoreError, codec};
use crate::domain::{Budget, BudgetId, KeyId, Scope, Timestamp, Usd};

/// All rows, tenant by tenant: a cross join is read in the order in which it is written.
const OF_INSTALLATION: &str =
    "tenants cross join ledger l where l.tenant_id = tenants.id and l.opened_at >= $1 and l.opened_at < $2";

const OF_TENANT: &str = "ledger l where l.opened_at >= $1 and l.opened_at < $2 and l.tenant_id = $3";

/// Of a key and of all it was rotated with.
const OF_KEY: &str = "ledger l where l.opened_at >= $1 and l.opened_at < $2
    and l.key_id in (select id from keys where family = (select family from keys where id = $3))";

const OF_SESSION: &str =
    "ledger l where l.opened_at >= $1 and l.opened_at < $2 and l.tenant_id = $3 and l.session_id = $4";

/// What rows come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// What settled calls cost, with their corrections.
    pub(super) spent: Usd,
    /// What open calls hold.
    pub(super) held: Usd,
}

/// A time that rows are opened in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Span {
    /// The window of a budget that began at `starts_at`.
    pub(super) fn of_window(budget: &Budget, starts_at: Timestamp) -> Self {
        Self { from: starts_at, to: budget.period.ends_at(starts_at).unwrap_or(Timestamp::from_micros(i64::MAX)) }
    }
}

impl Budgets<'_> {
    /// What was spent within a budget's scope from `since` on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spent_since(&self, budget: &Budget, since: Timestamp) -> Result<Usd, StoreError> {
        let span = Span { from: since, to: Timestamp::from_micros(i64::MAX) };
        Ok(sums(&self.0.reports, &budget.scope, span).await?.spent)
    }
}

/// What the rows of a scope that were opened in `span` come to.
pub(super) async fn sums<'e>(
    connection: impl Executor<'e, Database = Any>,
    scope: &Scope,
    span: Span,
) -> Result<Sums, StoreError> {
    let (rows, ids) = rows_of(scope);
    let statement = format!(
        "select cast(coalesce(sum(case when l.status = 'open' then 0 else l.cost_nanos end), 0) as bigint) as spent,
            cast(coalesce(sum(case when l.status = 'open' then l.held_nanos else 0 end), 0) as bigint) as held
         from {rows}"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(span.from.as_micros()).bind(span.to.as_micros());
    let row: AnyRow = ids.into_iter().fold(query, sqlx::query::Query::bind).fetch_one(connection).await?;
    Ok(Sums { spent: codec::amount(&row, "spent")?.bounded(), held: codec::amount(&row, "held")?.bounded() })
}

/// Notes that the open calls of a scope that were opened in `span` hold money of a budget in its window.
pub(super) async fn hold_open_calls(
    transaction: &mut Transaction<'_, Any>,
    budget: BudgetId,
    scope: &Scope,
    span: Span,
) -> Result<(), StoreError> {
    let (rows, ids) = rows_of(scope);
    let statement = format!(
        "insert into holds (call_id, budget_id, starts_at) select l.id, $5, $1 from {rows} and l.status = 'open'
         on conflict do nothing"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(span.from.as_micros()).bind(span.to.as_micros());
    let blanks = std::iter::repeat_n(String::new(), 2 - ids.len());
    let query = ids.into_iter().chain(blanks).fold(query, sqlx::query::Query::bind);
    query.bind(budget.to_string()).execute(&mut **transaction).await?;
    Ok(())
}

/// The rows of a scope as a statement names them, and what is bound from `$3` on.
fn rows_of(scope: &Scope) -> (&'static str, Vec<String>) {
    match scope {
        Scope::Installation => (OF_INSTALLATION, Vec::new()),
        Scope::Tenant(tenant) => (OF_TENANT, vec![tenant.to_string()]),
        Scope::Key(_, key) => (OF_KEY, vec![KeyId::to_string(key)]),
        Scope::Session(tenant, session) => (OF_SESSION, vec![tenant.to_string(), session.to_string()]),
    }
}
