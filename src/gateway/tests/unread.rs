//! Callers that leave in crowds and callers that do not read: what they hold is given back, and what they cost is known.

use std::time::Duration;

use futures_util::future::join_all;

use super::by_hand::{ByHand, Exchange, REPORT, START, STOP, TEXT, WHOLE_COST, event_stream};
use super::harness::House;
use super::wire::{MAX_TOKENS, hello};
use crate::config::GatewayConfig;

/// Answers without a caller that are read for one tenant at the same time.
const DRAINS_PER_TENANT: usize = 64;

/// How long a test may hang before it fails.
const HANGS: Duration = Duration::from_mins(1);

/// Calls, and leaves before the answer begins.
async fn leave_before_the_answer(house: &House, model: &mut ByHand) -> Exchange {
    let mut call = Box::pin(house.post(hello().to_string()).header("connection", "close").send());
    tokio::select! {
        answered = &mut call => panic!("nobody answered, and still: {answered:?}"),
        asked = model.next() => asked,
    }
}

#[tokio::test]
async fn no_tenant_takes_all_places_for_answers_without_a_caller() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let neighbour = house.neighbour().await;
    let mut exchanges = Vec::new();
    for _ in 0..=DRAINS_PER_TENANT {
        exchanges.push(leave_before_the_answer(&house, &mut model).await);
    }
    // The one without a place is charged what it holds, at once.
    let row = house.settled().await;
    assert_eq!((row.status.as_str(), row.estimate_reason.as_deref()), ("estimated", Some("caller_gone")));
    assert!(row.cost.as_nanos() > MAX_TOKENS * 20_000, "{row:?}");
    // Another tenant's is read to its end.
    let exchange = leave_before_the_answer(&neighbour, &mut model).await;
    exchange.answer(event_stream([START, TEXT, REPORT, STOP].concat()));
    let row = neighbour.settled().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), ("exact", WHOLE_COST));
    assert_eq!(house.rows().await.iter().filter(|row| row.status == "open").count(), DRAINS_PER_TENANT);
}

#[tokio::test]
async fn a_caller_that_does_not_read_holds_nothing_for_ever() {
    let mut model = ByHand::serve().await;
    let change = |config: &mut GatewayConfig| {
        config.upstream_url.clone_from(&model.url);
        config.reader_timeout_ms = 50;
    };
    let house = House::with(change).await;
    let (_unread, pieces) = model.begin(&house).await;
    // Far more than fits between the model and a caller that does not read.
    let comment = ":".repeat(64 * 1024) + "\n";
    let said = async {
        for _ in 0..500 {
            pieces.say(comment.clone()).await;
        }
        join_all([REPORT, STOP].map(|piece| pieces.say(piece))).await;
    };
    tokio::time::timeout(HANGS, said).await.expect("the answer waits for ever for its reader");
    let row = house.settled().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), ("exact", WHOLE_COST));
}
