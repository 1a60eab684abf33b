//! Amounts of any size, and rows that hold what cannot be: no sum leaves its bounds, the store goes on, and a start repairs.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection, Executor, Row};

use super::books::{Books, Work, at, used};
use crate::domain::{
    Action, Ask, Budget, BudgetId, By, CallId, Decision, Enforcement, EstimateReason, Period, Scope, Timestamp, Usage,
    Usd,
};
use crate::store::{AuditFilter, CallRef, NewCall, Settlement, SpendingBy, SpendingPage, Store};

/// What an operator or a caller may write.
const AMOUNTS: [i64; 8] = [i64::MIN, -1, 0, 7, 1_000_000_000_000_000, 1_000_000_000_000_001, i64::MAX - 1, i64::MAX];

fn now() -> Timestamp {
    at("2026-11-20", 43_200)
}

fn budget(scope: Scope, enforcement: Enforcement) -> Budget {
    let (id, limit) = (BudgetId::generate(), Usd::from_nanos(100));
    Budget { id, scope, period: Period::Total, limit, enforcement, created_at: now() }
}

async fn raw(path: &Path) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    connection.execute("pragma busy_timeout = 5000").await.unwrap();
    connection
}

/// Columns that hold something else than whole numbers.
async fn not_whole(path: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for (table, columns) in [
        ("ledger", &["held_nanos", "cost_nanos", "input_tokens", "cache_read_tokens"][..]),
        ("budget_windows", &["held_nanos", "spent_nanos", "topped_up_nanos"]),
        ("budgets", &["limit_nanos"]),
        ("turns", &["cost_nanos"]),
        ("ledger_totals", &["cost_nanos", "calls", "input_tokens"]),
    ] {
        for column in columns {
            let count = format!("select count(*) as n from {table} where typeof({column}) <> 'integer'");
            let row = sqlx::query(sqlx::AssertSqlSafe(count)).fetch_one(&mut raw(path).await).await.unwrap();
            if row.get::<i64, _>("n") > 0 {
                wrong.push(format!("{table}.{column}"));
            }
        }
    }
    wrong
}

/// What any caller of the store must still be able to do.
async fn still_works(store: &Store, work: Work) {
    store.budgets().list(now()).await.unwrap();
    store.budgets().lasting(now()).await.unwrap();
    let page = SpendingPage { from: at("2026-01-01", 0), to: now(), by: SpendingBy::Model, after: None, limit: 10 };
    store.ledger().spending(work.tenant, &page).await.unwrap();
    store.ledger().totals().await.unwrap();
    let ask = Ask { input_picos: 1_000, output_picos: 0, max_tokens: 1, least_tokens: 1 };
    let call = CallRef { id: CallId::generate(), tenant: work.tenant, session: work.session, turn: work.turn };
    let new = NewCall { call, model: "m".to_owned(), price_version: "1".to_owned(), at: now() };
    let decision = store.ledger().open(&new, &ask).await.unwrap();
    assert!(matches!(decision, Decision::Hold { .. }), "{decision:?}");
    let settlement =
        Settlement { model: "m".to_owned(), usage: used(1), cost: Usd::from_nanos(1), estimated: None, at: now() };
    store.ledger().settle(call, &settlement).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn amounts_of_any_size_leave_every_column_whole(deeds in vec((0_usize..6, 0_usize..8, 0_usize..8), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("db");
            let books = Books::at(&path).await;
            let work = books.work(books.tenant("acme").await, "k").await;
            let (store, by) = (&books.store, By { at: now(), ..By::test() });
            let soft = budget(Scope::Installation, Enforcement::Soft);
            store.budgets().create(&soft, &by).await.unwrap();
            let mut calls = Vec::new();
            for (deed, one, other) in deeds {
                let (one, other) = (AMOUNTS[one], AMOUNTS[other]);
                let call = CallRef { id: CallId::generate(), tenant: work.tenant, session: work.session, turn: work.turn };
                match deed {
                    0 | 1 => {
                        let picos = u128::from(one.unsigned_abs()) * u128::from(other.unsigned_abs());
                        let ask = Ask { input_picos: picos, output_picos: other.unsigned_abs(), max_tokens: u64::MAX, least_tokens: 0 };
                        let new = NewCall { call, model: "m".to_owned(), price_version: "1".to_owned(), at: now() };
                        if let Decision::Hold { .. } = store.ledger().open(&new, &ask).await.unwrap() {
                            calls.push(call);
                        }
                    }
                    2 => if let Some(call) = calls.pop() {
                        let usage = Usage { input_tokens: one.unsigned_abs(), cache_read_tokens: u64::MAX, ..Usage::default() };
                        let estimated = Some(EstimateReason::Cut);
                        let settlement = Settlement { model: "m".to_owned(), usage, cost: Usd::from_nanos(other), estimated, at: now() };
                        store.ledger().settle(call, &settlement).await.unwrap();
                        store.ledger().correct(call.id, Usd::from_nanos(one), "why", &by).await.unwrap();
                    },
                    3 => if let Some(call) = calls.last() {
                        store.ledger().shrink(*call, Usd::from_nanos(one)).await.unwrap();
                    },
                    4 => { store.budgets().top_up(soft.id, Usd::from_nanos(one), "why", &by).await.unwrap(); }
                    _ => { store.budgets().update(soft.id, Usd::from_nanos(one), Enforcement::Soft, &by).await.unwrap(); }
                }
            }
            still_works(store, work).await;
            store.ledger().settle_orphans(now()).await.unwrap();
            still_works(store, work).await;
            assert_eq!(not_whole(&path).await, [""; 0]);
        });
    }
}

/// A database as it was before amounts were bounded, with a call in it that `broken` is done to.
async fn old_database(path: &Path, broken: &[&str]) {
    let migrator = sqlx::migrate!();
    let old = migrator.migrations.iter().filter(|migration| migration.version < 12).cloned().collect();
    let mut connection = raw(path).await;
    Migrator::with_migrations(old).run(&mut connection).await.unwrap();
    let tenant = "tenant_00000000000000000000000000000001";
    let session = "00000000-0000-4000-8000-000000000001";
    for statement in [
        format!("insert into tenants (id, name, roots, created_at) values ('{tenant}', 'acme', '[]', 0)"),
        format!(
            "insert into ledger (id, tenant_id, session_id, turn_id, status, model, price_version, input_tokens,
                output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, web_search_requests,
                held_nanos, cost_nanos, opened_at)
             values ('call_00000000000000000000000000000001', '{tenant}', '{session}',
                'turn_00000000000000000000000000000001', 'open', 'm', '1', 0, 0, 0, 0, 0, 0, 50, 0, 5),
                ('call_00000000000000000000000000000002', '{tenant}', '{session}',
                'turn_00000000000000000000000000000001', 'exact', 'm', '1', 1, 1, 1, 1, 1, 1, 50, 30, 5)"
        ),
        "insert into budgets (id, scope, period, limit_nanos, enforcement, created_at)
         values ('budget_00000000000000000000000000000001', 'installation', 'total', 1000, 'soft', 0)"
            .to_owned(),
        "insert into budget_windows (budget_id, starts_at, spent_nanos, held_nanos, told_percent)
         values ('budget_00000000000000000000000000000001', 0, 30, 50, 0)"
            .to_owned(),
        "insert into holds values ('call_00000000000000000000000000000001', 'budget_00000000000000000000000000000001', 0)"
            .to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
    for statement in broken {
        sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_start_repairs_the_rows_of_an_older_server() {
    // What is done to it, and what was spent of the budget after the start.
    for (broken, spent) in [
        (&[][..], 80),
        (
            &[
                "update budget_windows set held_nanos = 9223372036854775807",
                "update budget_windows set held_nanos = held_nanos + 9223372036854775807",
            ],
            80,
        ),
        (&["update budget_windows set spent_nanos = -5, held_nanos = 'many'"], 80),
        (&["update ledger set held_nanos = 9223372036854775807 where status = 'open'"], 1_000_000_000_000_030),
        (
            &[
                "update ledger set held_nanos = 1.5 where status = 'open'",
                "update budget_windows set spent_nanos = 1e300",
            ],
            31,
        ),
        (&["update ledger set held_nanos = 'x', input_tokens = 1e19 where status = 'open'"], 30),
        (
            &["update ledger set cost_nanos = 9223372036854775807, output_tokens = -1 where status = 'exact'"],
            1_000_000_000_000_050,
        ),
        (&["update budgets set limit_nanos = 9223372036854775807"], 80),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        old_database(&path, broken).await;
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.ledger().settle_orphans(now()).await.unwrap(), 1, "{broken:?}");
        let standing = store.budgets().list(now()).await.unwrap().remove(0);
        assert_eq!((standing.spent.as_nanos(), standing.held), (spent, Usd::ZERO), "{broken:?}");
        assert_eq!(not_whole(&path).await, [""; 0], "{broken:?}");
        let noted = sqlx::query("select count(*) as n from repairs").fetch_one(&store.read).await.unwrap();
        assert_eq!(noted.get::<i64, _>("n"), 0, "it is repaired again at each start");
        assert_eq!(store.ledger().settle_orphans(now()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_start_survives_whatever_a_row_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let books = Books::at(&path).await;
    let work = books.work(books.tenant("acme").await, "k").await;
    let by = By { at: now(), ..By::test() };
    let soft = budget(Scope::Installation, Enforcement::Soft);
    books.store.budgets().create(&soft, &by).await.unwrap();
    for _ in 0..5 {
        books.begin(work, "m", now()).await;
    }
    let mut connection = raw(&path).await;
    for statement in ["pragma ignore_check_constraints = on", "pragma foreign_keys = off"] {
        connection.execute(statement).await.unwrap();
    }
    for (number, change) in [
        "held_nanos = 1e19",
        "held_nanos = 'x', model = ''",
        "tenant_id = 'nobody'",
        "session_id = '', held_nanos = -7",
    ]
    .into_iter()
    .enumerate()
    {
        let one = format!("(select id from ledger order by id limit 1 offset {number})");
        let statement = format!("update ledger set {change} where id = {one}");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
    connection.execute("update budget_windows set held_nanos = 1e19, spent_nanos = 'y'").await.unwrap();
    connection.close().await.unwrap();
    // Nothing is lost from sight meanwhile.
    assert_eq!(books.store.budgets().lasting(now()).await.unwrap()[0].held, Usd::MAX);
    assert_eq!(books.store.ledger().settle_orphans(now()).await.unwrap(), 5);
    assert_eq!(books.store.ledger().open_calls().await.unwrap(), 0);
    let standing = books.store.budgets().list(now()).await.unwrap().remove(0);
    assert_eq!(standing.held, Usd::ZERO);
    still_works(&books.store, work).await;
    let filter = AuditFilter { action: Some(Action::RepairBudget), ..AuditFilter::default() };
    assert_eq!(books.store.audit().list(&filter, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn budgets_that_do_not_agree_with_the_ledger_are_found_and_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let books = Books::at(&path).await;
    let work = books.work(books.tenant("acme").await, "k").await;
    let by = By { at: now(), ..By::test() };
    let right = budget(Scope::Installation, Enforcement::Hard);
    let wrong = budget(Scope::Tenant(work.tenant), Enforcement::Hard);
    for budget in [&right, &wrong] {
        books.store.budgets().create(budget, &by).await.unwrap();
    }
    books.call(work, "m", now(), 1, 60).await;
    assert_eq!(books.store.budgets().repair(&by).await.unwrap(), []);
    let statement =
        format!("update budget_windows set spent_nanos = 99, held_nanos = 1 where budget_id = '{}'", wrong.id);
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut raw(&path).await).await.unwrap();
    let [repaired] = &books.store.budgets().repair(&by).await.unwrap()[..] else { panic!("not one") };
    assert_eq!((repaired.budget, repaired.spent.1.as_nanos(), repaired.held.1.as_nanos()), (wrong.id, 60, 0));
    assert_eq!((repaired.spent.0.as_nanos(), repaired.held.0.as_nanos()), (99, 1));
    assert_eq!(books.store.budgets().repair(&by).await.unwrap(), []);
    let spent: Vec<_> =
        books.store.budgets().list(now()).await.unwrap().iter().map(|found| found.spent.as_nanos()).collect();
    assert_eq!(spent, [60, 60]);
}
