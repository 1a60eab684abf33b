//! What grows with history is read page by page, and the pages together are the whole.

use super::books::{Books, at};
use crate::domain::{Budget, BudgetId, By, Enforcement, Period, Scope, Usd};
use crate::store::{SpendingBy, SpendingPage};

#[tokio::test]
async fn the_pages_of_what_was_spent_are_the_whole() {
    let books = Books::open().await;
    let (acme, other) = (books.tenant("acme").await, books.tenant("other").await);
    for (number, key) in ["", "k1", "k2", "k1"].into_iter().enumerate() {
        for tenant in [acme, other] {
            let work = books.work(tenant, key).await;
            for day in ["2026-11-01", "2026-11-02", "2026-11-15", "2026-11-30"] {
                for model in ["a", "b", "b/c", "ü"] {
                    books.call(work, model, at(day, 7), 1, i64::try_from(number).unwrap() + 1).await;
                }
            }
        }
    }
    for (by, groups) in [(SpendingBy::Day, 4), (SpendingBy::Model, 4), (SpendingBy::Key, 3), (SpendingBy::Session, 4)] {
        let (from, to) = (at("2026-11-01", 0), at("2026-12-01", 0));
        let page = |after: Option<String>, limit| SpendingPage { from, to, by, after, limit };
        let whole = books.store.ledger().spending(acme, &page(None, 100)).await.unwrap();
        assert_eq!(whole.len(), groups, "{by:?}");
        assert_eq!(whole.iter().map(|sum| sum.cost.as_nanos()).sum::<i64>(), 16 * (1 + 2 + 3 + 4), "{by:?}");
        for limit in 1..=5 {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let found = books.store.ledger().spending(acme, &page(after.clone(), limit)).await.unwrap();
                let Some(last) = found.last() else { break };
                assert!(found.len() <= limit as usize);
                after = Some(last.group.clone());
                all.extend(found.into_iter().map(|sum| (sum.group, sum.calls, sum.cost)));
            }
            let whole = whole.iter().map(|sum| (sum.group.clone(), sum.calls, sum.cost)).collect::<Vec<_>>();
            assert_eq!(all, whole, "{by:?} in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn the_pages_of_budgets_are_all_that_are_in_force() {
    let books = Books::open().await;
    let (now, mut made) = (at("2026-11-20", 0), Vec::new());
    for number in 0..7 {
        let (id, limit) = (BudgetId::generate(), Usd::from_nanos(number));
        let (scope, period, enforcement) = (Scope::Installation, Period::Month, Enforcement::Soft);
        // Some of them in the same moment.
        let created_at = at("2026-11-01", number / 2);
        let budget = Budget { id, scope, period, limit, enforcement, created_at };
        books.store.budgets().create(&budget, &By::test()).await.unwrap();
        made.push(id);
    }
    let archived = made.remove(3);
    assert!(books.store.budgets().archive(archived, &By::test()).await.unwrap());
    for limit in 1..=8 {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = books.store.budgets().page(after, limit, now).await.unwrap().unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.budget.id);
            all.extend(page.iter().map(|standing| standing.budget.id));
        }
        assert_eq!(all, made, "pages of {limit}");
    }
    // A page may begin after a budget that was archived meanwhile, but not after one that never was.
    assert_eq!(books.store.budgets().page(Some(archived), 9, now).await.unwrap().unwrap().len(), 3);
    assert!(books.store.budgets().page(Some(BudgetId::generate()), 9, now).await.unwrap().is_none());
    assert!(books.store.budgets().find(archived, now).await.unwrap().is_none());
    assert_eq!(books.store.budgets().find(made[0], now).await.unwrap().unwrap().budget.id, made[0]);
}

#[tokio::test]
async fn the_budget_of_a_session_ends_with_the_session() {
    let books = Books::open().await;
    let work = books.work(books.tenant("acme").await, "k").await;
    let now = at("2026-11-20", 0);
    let (id, limit) = (BudgetId::generate(), Usd::from_nanos(5));
    let (scope, period, enforcement) = (Scope::Session(work.tenant, work.session), Period::Total, Enforcement::Hard);
    let budget = Budget { id, scope, period, limit, enforcement, created_at: now };
    books.store.budgets().create(&budget, &By::test()).await.unwrap();
    books.store.rest_for_test(work.session).await;
    assert!(books.store.sessions().delete(work.tenant, work.session, now).await.unwrap());
    assert_eq!(books.store.budgets().list(now).await.unwrap(), []);
}
