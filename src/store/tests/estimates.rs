//! Why a call's cost is an estimate, as the ledger keeps it.

use super::books::{Books, at, used};

#[tokio::test]
async fn keeps_the_reason_of_an_estimate() {
    let books = Books::open().await;
    let work = books.work(books.tenant("acme").await, "k").await;
    let noon = at("2026-11-20", 43_200);
    for exact in [true, false] {
        let call = books.begin(work, "a", noon).await;
        books.settle(call, "a", used(1), 7, exact, noon).await;
    }
    books.begin(work, "a", noon).await;
    assert_eq!(books.store.ledger().settle_orphans(noon).await.unwrap(), 1);
    let rows = books.store.ledger().newest(None, false, None, 10).await.unwrap();
    let mut shown: Vec<_> = rows.iter().map(|row| (row.status.as_str(), row.estimate_reason.as_deref())).collect();
    shown.sort_unstable();
    assert_eq!(shown, [("estimated", Some("crash")), ("estimated", Some("cut")), ("exact", None)]);
}
