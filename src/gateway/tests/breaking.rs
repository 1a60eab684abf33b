//! A model that breaks off, stands still or does not answer: its caller is told so, and the call is settled.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::by_hand::{ByHand, HELD_COST, Pieces, REPORT, STOP, WHOLE_COST, document, event_stream};
use super::harness::House;
use super::wire::{MAX_TOKENS, Told, hello, scripted, streamed};
use crate::config::GatewayConfig;
use crate::domain::Usage;
use crate::lifecycle::Tasks;
use crate::store::Store;

/// The only call stands like this in the ledger, right now.
async fn assert_row(house: &House, status: &str, nanos: i64) {
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), (status, nanos), "{row:?}");
    assert_eq!(house.turn_cost().await, row.cost);
}

/// The only call is charged what was held, right now, for this reason.
async fn assert_held(house: &House, reason: &str) {
    assert_row(house, "estimated", HELD_COST).await;
    assert_eq!(house.row().await.estimate_reason.as_deref(), Some(reason));
}

/// The only call is charged for all its output, and for an input that is not known, right now, for this reason.
async fn assert_all_held(house: &House, reason: &str) {
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.estimate_reason.as_deref()), ("estimated", Some(reason)), "{row:?}");
    assert_eq!(row.usage, Usage::default());
    assert!(row.cost.as_nanos() > MAX_TOKENS * 20_000, "{row:?}");
    assert_eq!(house.turn_cost().await, row.cost);
}

/// Reads a streamed answer as far as it goes, and answers that and whether it has a proper end.
async fn read_out(mut answer: reqwest::Response) -> (String, bool) {
    let mut seen = String::new();
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => seen.push_str(std::str::from_utf8(&piece).unwrap()),
            Ok(None) => return (seen, true),
            Err(_) => return (seen, false),
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_looks_cut_and_is_estimated() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (answer, pieces) = model.begin(&house).await;
    pieces.cut().await;
    assert_eq!(read_out(answer).await, (String::new(), false));
    assert_held(&house, "cut").await;
}

#[tokio::test]
async fn an_answer_that_is_cut_after_its_last_report_is_charged_exactly() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (mut answer, pieces) = model.begin(&house).await;
    pieces.say(REPORT).await;
    assert_eq!(answer.chunk().await.unwrap().unwrap(), REPORT);
    pieces.cut().await;
    assert_eq!(read_out(answer).await, (String::new(), false));
    assert_row(&house, "exact", WHOLE_COST).await;
}

#[tokio::test]
async fn a_cut_shows_the_text_that_came_and_costs_what_was_held() {
    let house = House::new().await;
    let usage = json!({"input_tokens": 300, "output_tokens": 900});
    let script = json!({"text": "one two three four five six ", "chunks": 4, "cut_after_chunks": 3, "usage": usage});
    let (seen, is_whole) = read_out(house.call(&streamed(scripted(&script))).await).await;
    assert!(!is_whole, "{seen}");
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.usage.input_tokens), ("estimated", 300));
    assert_eq!(row.usage.output_tokens, 11, "21 bytes of text are at the least 11 tokens");
    assert_eq!(row.cost.as_nanos(), 300 * 4_000 + MAX_TOKENS * 20_000);
}

#[tokio::test]
async fn an_answer_that_ends_too_early_ends_for_the_caller_too_and_is_estimated() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (answer, pieces) = model.begin(&house).await;
    drop(pieces);
    assert_eq!(read_out(answer).await, (String::new(), true));
    assert_held(&house, "cut").await;
}

#[tokio::test]
async fn an_answer_that_stands_still_ends_with_an_error_event() {
    let mut model = ByHand::serve().await;
    let change = |config: &mut GatewayConfig| {
        config.upstream_url.clone_from(&model.url);
        config.stream_idle_timeout_ms = 200;
    };
    let house = House::with(change).await;
    let (answer, pieces) = model.begin(&house).await;
    pieces.say("event: content_block_delta\ndata: {\"type\":").await;
    let (seen, is_whole) = read_out(answer).await;
    assert!(is_whole, "{seen}");
    let (_, event) = seen.split_once("\n\nevent: error\ndata: ").unwrap();
    let error: Value = serde_json::from_str(event.strip_suffix("\n\n").unwrap()).unwrap();
    let message = "the model's answer stood still for 200 ms, so it was ended as idle";
    assert_eq!(error, json!({"type": "error", "error": {"type": "api_error", "message": message}}));
    assert_held(&house, "stalled").await;
    pieces.heard_hanging_up().await;
}

#[tokio::test]
async fn an_error_in_the_middle_is_passed_on_and_what_was_held_is_paid() {
    let house = House::new().await;
    let usage = json!({"input_tokens": 1_000, "output_tokens": 900});
    let script = json!({"text": "fifteen letters", "chunks": 1, "error_after_chunks": 1, "usage": usage});
    let told = house.told(&streamed(scripted(&script))).await;
    assert_held(&house, "error_in_answer").await;
    assert!(told.text().contains("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""));
}

#[tokio::test]
async fn an_error_instead_of_a_streamed_answer_costs_nothing() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let error =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"\"}}\n\n";
    let answer = model.answer(&house, event_stream(error)).await;
    assert_eq!(Told::of(answer).await.text(), error);
    assert_row(&house, "exact", 0).await;
}

#[tokio::test]
async fn a_model_that_does_not_begin_to_answer_is_given_up_and_may_be_asked_again() {
    let house = House::with(|config| config.response_timeout_ms = 20).await;
    let body = streamed(scripted(&json!({"delay_ms": 600_000})));
    let message = house.told(&body).await.refusal(504, "api_error", true);
    assert_eq!(message, "the model API sent nothing for 20 ms");
    assert_all_held(&house, "no_answer").await;
}

#[tokio::test]
async fn a_model_that_hangs_up_on_the_request_may_be_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    Tasks::new().spawn("model that hangs up", async move {
        while let Ok((connection, _)) = listener.accept().await {
            connection.readable().await.unwrap();
        }
    });
    let house = House::before(&url).await;
    let message = house.told(&hello()).await.refusal(502, "api_error", true);
    assert!(message.contains("broke"), "{message}");
    assert_all_held(&house, "cut").await;
}

#[tokio::test]
async fn a_whole_answer_that_is_cut_is_an_error_and_estimated() {
    let house = House::new().await;
    let told = house.told(&scripted(&json!({"text": "half of it", "cut_after_chunks": 1}))).await;
    assert_all_held(&house, "cut").await;
    let message = told.refusal(502, "api_error", true);
    assert!(message.contains("broke"), "{message}");
}

#[tokio::test]
async fn a_whole_answer_that_stands_still_is_an_error_and_estimated() {
    let mut model = ByHand::serve().await;
    let change = |config: &mut GatewayConfig| {
        config.upstream_url.clone_from(&model.url);
        config.stream_idle_timeout_ms = 50;
    };
    let house = House::with(change).await;
    let (pieces, body) = Pieces::new();
    pieces.say("{\"type\":").await;
    let answer = model.answer(&house, document(200, body)).await;
    Told::of(answer).await.refusal(504, "api_error", true);
    assert_all_held(&house, "stalled").await;
}

#[tokio::test]
async fn a_ledger_that_fails_at_the_end_keeps_nobody_from_the_answer_and_shows_the_call_as_open() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (answer, pieces) = model.begin(&house).await;
    house.store.close().await;
    let end = [REPORT, STOP].concat();
    pieces.say(end.clone()).await;
    drop(pieces);
    assert_eq!(read_out(answer).await, (end, true));
    let store = Store::open(&house.database()).await.unwrap();
    let rows = store.ledger().list(house.caller.tenant, house.caller.session).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.status.as_str()).collect::<Vec<_>>(), ["open"]);
}
