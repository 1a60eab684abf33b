//! The export: exact sums whatever the pages, one order, and days that stay as they were.

use super::books::{Books, Work, at, used};
use crate::domain::{Day, KeyId, TenantId, Timestamp, Usage, Usd};
use crate::store::{ExportFilter, ExportRow};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn november(tenant: Option<TenantId>) -> ExportFilter {
    ExportFilter { tenant, from: day("2026-11-01"), to: day("2026-12-01") }
}

/// All rows, read in pages of so many.
async fn rows(books: &Books, filter: ExportFilter, page: usize) -> Vec<ExportRow> {
    let export = books.store.ledger().export(filter, at("2027-01-01", 0)).await.unwrap();
    let (mut export, mut rows) = (export.in_pages_of(page), Vec::new());
    loop {
        let found = export.next_page().await.unwrap();
        assert!(found.len() <= page, "{} rows on a page of {page}", found.len());
        if found.is_empty() {
            return rows;
        }
        rows.extend(found);
        assert!(rows.len() < 1_000, "the export does not end");
    }
}

fn cost(rows: &[ExportRow]) -> i64 {
    rows.iter().map(|row| row.cost.as_nanos()).sum()
}

/// Two tenants, three days, two models, two keys, corrections within the month and after it.
async fn month() -> (Books, [Work; 3]) {
    let books = Books::open().await;
    let (acme, rival) = (books.tenant("acme").await, books.tenant("rival").await);
    let works = [books.work(acme, "k1").await, books.work(acme, "k2").await, books.work(rival, "k3").await];
    for (number, work) in works.into_iter().enumerate() {
        for date in ["2026-10-31", "2026-11-01", "2026-11-15", "2026-11-30", "2026-12-01"] {
            for (model, seconds) in [("a", 0), ("b", 60), ("a", 86_399)] {
                let nanos = 1_000_000_007 + i64::try_from(number).unwrap() * 13;
                books.call(work, model, at(date, seconds), 10, nanos).await;
            }
        }
        let late = books.call(work, "a", at("2026-11-15", 3), 5, 77).await;
        books.correct(late, 7, at("2026-11-16", 0)).await;
        books.correct(late, 107, at("2026-12-02", 0)).await;
    }
    (books, works)
}

#[tokio::test]
async fn every_settled_call_is_in_exactly_one_row_whatever_the_pages() {
    let (books, works) = month().await;
    let all = rows(&books, november(None), 1_000).await;
    // Of each of three sessions three days with two models, and one correction that was made in the month.
    assert_eq!(all.len(), 3 * 3 * 2 + 3);
    let calls: u64 = all.iter().map(|row| row.calls).sum();
    assert_eq!(calls, 3 * (3 * 3 + 1));
    let each = |number: i64| 9 * (1_000_000_007 + number * 13) + 77 - 70;
    assert_eq!(cost(&all), each(0) + each(1) + each(2));
    let mut usage = Usage::default();
    for row in &all {
        usage += row.usage;
    }
    assert_eq!((usage.input_tokens, usage.web_search_requests), (3 * (9 * 10 + 5), 3 * (9 * 15 + 10)));
    for page in 1..=all.len() + 1 {
        assert_eq!(rows(&books, november(None), page).await, all, "pages of {page}");
    }

    let first = &all[0];
    assert_eq!((first.day, first.tenant, first.tenant_name.as_str()), (day("2026-11-01"), works[0].tenant, "acme"));
    assert_eq!((first.model.as_str(), first.calls, first.estimated), ("a", 2, 0));
    assert_eq!((first.price_version.as_str(), first.correction.is_none()), ("v1", true));
    assert_eq!(first.cost, Usd::from_nanos(2 * all[1].cost.as_nanos()));
}

#[tokio::test]
async fn rows_come_by_tenant_day_session_and_model_and_corrections_last() {
    let (books, _) = month().await;
    let all = rows(&books, november(None), 4).await;
    let order: Vec<_> = all
        .iter()
        .filter(|row| row.correction.is_none())
        .map(|row| (row.tenant.to_string(), row.day, row.session.to_string(), row.model.clone()))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(all.iter().position(|row| row.correction.is_some()), Some(order.len()));
}

#[tokio::test]
async fn one_tenant_s_export_is_its_part_of_all() {
    let (books, works) = month().await;
    let all = rows(&books, november(None), 1_000).await;
    for tenant in [works[0].tenant, works[2].tenant] {
        let part: Vec<_> = all.iter().filter(|row| row.tenant == tenant).cloned().collect();
        assert_eq!(rows(&books, november(Some(tenant)), 1_000).await, part);
    }
    assert_eq!(rows(&books, november(Some(TenantId::generate())), 1_000).await, []);
}

#[tokio::test]
async fn a_correction_counts_on_the_day_it_is_made_and_leaves_the_day_of_its_call() {
    let books = Books::open().await;
    let work = books.work(books.tenant("acme").await, "k").await;
    let call = books.call(work, "a", at("2026-11-20", 5), 1, 500).await;
    let before = rows(&books, november(None), 10).await;
    books.correct(call, 200, at("2026-12-03", 9)).await;
    assert_eq!(rows(&books, november(None), 10).await, before, "a month that was billed has changed");
    let december = ExportFilter { tenant: None, from: day("2026-12-01"), to: day("2027-01-01") };
    let [correction] = &rows(&books, december, 10).await[..] else { panic!("not one row") };
    assert_eq!((correction.day, correction.cost), (day("2026-12-03"), Usd::from_nanos(-300)));
    assert_eq!((correction.calls, correction.usage), (0, Usage::default()));
    assert_eq!(correction.key, Some(KeyId::new("k")));
    let what = correction.correction.as_ref().unwrap();
    assert_eq!((what.call, what.call_day, what.reason.as_str()), (call, day("2026-11-20"), "=why"));
}

#[tokio::test]
async fn a_day_is_final_once_it_is_over_and_every_call_of_it_is_settled() {
    let books = Books::open().await;
    let (acme, rival) = (books.tenant("acme").await, books.tenant("rival").await);
    let (work, other) = (books.work(acme, "k").await, books.work(rival, "k").await);
    let final_before = async |tenant: Option<TenantId>, now: Timestamp| {
        let export = books.store.ledger().export(november(tenant), now).await.unwrap();
        export.final_before().to_string()
    };
    assert_eq!(final_before(None, at("2026-11-20", 3_599)).await, "2026-11-19");
    assert_eq!(final_before(None, at("2026-11-20", 3_600)).await, "2026-11-20");
    let open = books.begin(work, "a", at("2026-11-18", 86_399)).await;
    let younger = books.begin(other, "a", at("2026-11-19", 0)).await;
    assert_eq!(final_before(None, at("2026-11-20", 43_200)).await, "2026-11-18");
    assert_eq!(final_before(Some(rival), at("2026-11-20", 43_200)).await, "2026-11-19");
    // An open call has no cost yet, and is in no row.
    assert_eq!(rows(&books, november(None), 10).await, []);
    books.settle(open, "a", used(1), 3, false, at("2026-11-20", 1)).await;
    books.settle(younger, "a", used(1), 4, true, at("2026-11-20", 1)).await;
    assert_eq!(final_before(None, at("2026-11-20", 43_200)).await, "2026-11-20");
    let all = rows(&books, november(None), 10).await;
    let told: Vec<_> = all.iter().map(|row| (row.day.to_string(), row.calls, row.estimated)).collect();
    assert_eq!(told, [("2026-11-18".to_owned(), 1, 1), ("2026-11-19".to_owned(), 1, 0)]);
}

#[tokio::test]
async fn tenants_are_summed_the_dearest_first() {
    let (books, works) = month().await;
    let sums = books.store.ledger().by_tenant(at("2026-11-01", 0), at("2026-12-01", 0)).await.unwrap();
    let told: Vec<_> = sums.iter().map(|sum| (sum.spending.group.as_str(), sum.spending.calls)).collect();
    assert_eq!(told, [("acme", 20), ("rival", 10)]);
    assert_eq!(sums[1].tenant, works[2].tenant);
    // Here a correction counts in the time of its call, whenever it was made.
    assert_eq!(sums[1].spending.cost, Usd::from_nanos(9 * (1_000_000_007 + 26) + 107));
}
