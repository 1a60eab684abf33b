//! Drift: which turns are compared, and that both sums are exact.

use super::books::{Books, at, used};
use crate::domain::{Drift, Usd};

fn drift(turns: u64, claimed: i64, ledger: i64) -> Drift {
    Drift { turns, claimed: Usd::from_nanos(claimed), ledger: Usd::from_nanos(ledger) }
}

#[tokio::test]
async fn turns_with_a_claim_are_compared_once_all_of_their_calls_are_exact() {
    let books = Books::open().await;
    let acme = books.tenant("acme").await;
    let (noon, night) = (at("2026-11-20", 43_200), at("2026-11-20", 86_000));
    let since = at("2026-11-20", 0);
    assert_eq!(books.store.ledger().drift(since).await.unwrap(), drift(0, 0, 0));

    let agreed = books.work(acme, "k").await;
    books.call(agreed, "a", noon, 1, 1_000).await;
    books.call(agreed, "b", noon, 1, 234).await;
    books.end(agreed, Some(1_234), night).await;
    let more = books.work(acme, "k").await;
    books.call(more, "a", noon, 1, 500).await;
    books.end(more, Some(600), night).await;
    let without_calls = books.work(acme, "k").await;
    books.end(without_calls, Some(0), night).await;
    let compared = drift(3, 1_834, 1_734);
    assert_eq!(books.store.ledger().drift(since).await.unwrap(), compared);

    // None of these says anything about prices.
    let running = books.work(acme, "k").await;
    books.call(running, "a", noon, 1, 7).await;
    let silent = books.work(acme, "k").await;
    books.call(silent, "a", noon, 1, 7).await;
    books.end(silent, None, night).await;
    let estimated = books.work(acme, "k").await;
    books.call(estimated, "a", noon, 1, 7).await;
    let cut = books.begin(estimated, "a", noon).await;
    books.settle(cut, "a", used(1), 7, false, noon).await;
    books.end(estimated, Some(7), night).await;
    let old = books.work(acme, "k").await;
    books.call(old, "a", noon, 1, 7).await;
    books.end(old, Some(9), at("2026-11-19", 86_399)).await;
    let late = books.work(acme, "k").await;
    let open = books.begin(late, "a", noon).await;
    books.end(late, Some(40), night).await;
    assert_eq!(books.store.ledger().drift(since).await.unwrap(), compared);

    books.settle(open, "a", used(1), 41, true, night).await;
    assert_eq!(books.store.ledger().drift(since).await.unwrap(), drift(4, 1_874, 1_775));
}

#[tokio::test]
async fn a_correction_hides_no_drift_and_makes_none() {
    let books = Books::open().await;
    let work = books.work(books.tenant("acme").await, "k").await;
    let noon = at("2026-11-20", 43_200);
    let call = books.call(work, "a", noon, 1, 500).await;
    books.end(work, Some(500), noon).await;
    books.correct(call, 900, noon).await;
    assert_eq!(books.store.ledger().drift(at("2026-11-20", 0)).await.unwrap(), drift(1, 500, 500));
}

#[tokio::test]
async fn the_turns_that_drift_most_are_told_first() {
    let books = Books::open().await;
    let acme = books.tenant("acme").await;
    let noon = at("2026-11-20", 43_200);
    let mut works = Vec::new();
    for (cost, claim) in [(100, 101), (100, 50), (100, 100), (100, 110)] {
        let work = books.work(acme, "k").await;
        books.call(work, "a", noon, 1, cost).await;
        books.end(work, Some(claim), noon).await;
        works.push(work.session);
    }
    let told = books.store.ledger().drifting(at("2026-11-20", 0), 10).await.unwrap();
    let sessions: Vec<_> = told.iter().map(|turn| turn.session).collect();
    assert_eq!(sessions, [works[1], works[3], works[0]]);
    assert_eq!((told[0].claimed, told[0].ledger, told[0].tenant), (Usd::from_nanos(50), Usd::from_nanos(100), acme));
    assert_eq!(told[0].ratio(), Some(-0.5));
    assert_eq!(books.store.ledger().drifting(at("2026-11-20", 0), 1).await.unwrap().len(), 1);
}
