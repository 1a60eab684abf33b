//! Callers that leave, sandboxes that end and a process that stops in the middle of an answer: the call is paid all the
//! same.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::by_hand::{ByHand, HELD_COST, REPORT, START, STOP, TEXT, WHOLE_COST, document, event_stream};
use super::harness::House;
use super::wire::{MAX_TOKENS, Told, hello};
use crate::config::GatewayConfig;
use crate::domain::{TenantId, Usage};
use crate::gateway::client::Client;
use crate::gateway::patience::{GaveUp, Limits, Patience};

/// What was used until [`TEXT`], as far as it was seen.
const SEEN: Usage = Usage {
    input_tokens: 1_000,
    output_tokens: 8,
    cache_read_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    web_search_requests: 0,
};

/// A house before `model` that reads on for next to no time.
async fn impatient(model: &ByHand) -> House {
    let change = |config: &mut GatewayConfig| {
        config.upstream_url.clone_from(&model.url);
        config.drain_timeout_ms = 5;
    };
    House::with(change).await
}

/// The only call was paid to the end.
async fn assert_whole(house: &House) {
    let row = house.settled().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos()), ("exact", WHOLE_COST));
    assert_eq!(house.turn_cost().await, row.cost);
}

/// The only call is charged what was held for it, right now, for this reason. The ledger shows what was seen.
async fn assert_held(house: &House, reason: &str) {
    let row = house.row().await;
    assert_eq!((row.usage, row.cost.as_nanos()), (SEEN, HELD_COST));
    assert_eq!((row.status.as_str(), row.estimate_reason.as_deref()), ("estimated", Some(reason)));
    assert_eq!(house.turn_cost().await, row.cost);
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_all_the_model_says() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (answer, pieces) = model.begin(&house).await;
    drop(answer);
    for piece in [TEXT, REPORT, STOP] {
        pieces.say(piece).await;
    }
    assert_whole(&house).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_begins_pays_for_it() {
    for streams in [true, false] {
        let mut model = ByHand::serve().await;
        let house = House::before(&model.url).await;
        let mut call = Box::pin(house.post(hello().to_string()).send());
        let asked = tokio::select! {
            answered = &mut call => panic!("nobody answered, and still: {answered:?}"),
            asked = model.next() => asked,
        };
        drop(call);
        let message = r#"{"type":"message","usage":{"input_tokens":1000,"output_tokens":50}}"#;
        asked.answer(if streams { event_stream([START, TEXT, REPORT, STOP].concat()) } else { document(200, message) });
        assert_whole(&house).await;
    }
}

#[tokio::test]
async fn a_sandbox_that_is_gone_pays_for_all_the_model_says_and_hears_none_of_it() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (mut answer, pieces) = model.begin(&house).await;
    house.closed.cancel();
    assert!(answer.chunk().await.is_err(), "the answer does not look cut");
    assert!(house.post(hello().to_string()).send().await.is_err(), "somebody could connect");
    assert_eq!(house.row().await.status, "open");
    for piece in [TEXT, REPORT, STOP] {
        pieces.say(piece).await;
    }
    assert_whole(&house).await;
}

#[tokio::test]
async fn a_sandbox_that_is_gone_takes_no_other_along() {
    let house = House::new().await;
    let neighbour = house.neighbour().await;
    house.closed.cancel();
    assert_eq!(neighbour.told(&hello()).await.status, 200);
    assert_eq!(neighbour.row().await.status, "exact");
}

#[tokio::test]
async fn an_answer_nobody_hears_in_time_is_charged_what_is_held() {
    for sandbox_goes in [false, true] {
        let mut model = ByHand::serve().await;
        let house = impatient(&model).await;
        let (answer, pieces) = model.begin(&house).await;
        if sandbox_goes {
            house.closed.cancel();
        }
        drop(answer);
        pieces.heard_hanging_up().await;
        assert_held(&house, "drain_timeout").await;
    }
}

#[tokio::test]
async fn a_caller_that_leaves_while_it_is_being_sent_to_is_read_on_for_a_while_only() {
    let mut model = ByHand::serve().await;
    let house = impatient(&model).await;
    let (answer, pieces) = model.begin(&house).await;
    pieces.say_until_stuck().await;
    drop(answer);
    let mut said = 0;
    while pieces.try_say(&b": and so on\n"[..]).await {
        said += 1;
        assert!(said < 200_000, "an answer nobody hears is read on for ever");
    }
    assert_held(&house, "drain_timeout").await;
}

#[tokio::test]
async fn an_answer_that_never_lets_one_wait_is_given_up_all_the_same() {
    let (long, at_once) = (Duration::from_mins(1), Duration::ZERO);
    let mut patience =
        Patience::new(Limits::new(long, long, at_once, long, CancellationToken::new()), TenantId::generate());
    let (mut client, answered) = Client::new(long, CancellationToken::new(), CancellationToken::new());
    assert_eq!(patience.wait(&mut client, long, std::future::ready(1)).await, Ok(1));
    drop(answered);
    let mut pieces = 0;
    while patience.wait(&mut client, long, std::future::ready(1)).await != Err(GaveUp::Unheard) {
        pieces += 1;
        assert!(pieces < 100_000, "an answer nobody hears is read on for ever");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_process_that_stops_settles_what_is_under_way() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (mut answer, _pieces) = model.begin(&house).await;
    house.stop().await;
    assert_held(&house, "stopped").await;
    assert!(answer.chunk().await.is_err(), "the answer does not look cut");
}

#[tokio::test]
async fn a_process_that_stops_settles_what_has_not_begun_to_be_answered() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let body = hello().to_string();
    let stopped = async {
        let _unanswered = model.next().await;
        house.stop().await;
    };
    let (answer, ()) = tokio::join!(house.post(body).send(), stopped);
    let message = Told::of(answer.unwrap()).await.refusal(503, "api_error", false);
    assert!(message.contains("stopped"), "{message}");
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.estimate_reason.as_deref()), ("estimated", Some("stopped")));
    assert_eq!(row.usage, Usage::default());
    assert!(row.cost.as_nanos() > MAX_TOKENS * 20_000, "{row:?}");
}

#[tokio::test]
async fn a_process_that_stops_waits_for_no_caller_that_does_not_read() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (_unread, pieces) = model.begin(&house).await;
    pieces.say_until_stuck().await;
    house.stop().await;
    assert_held(&house, "stopped").await;
}

/// Sends a call by hand and reads so many bytes of the answer, or all of it, then leaves.
async fn leave_after(house: &House, bytes: Option<usize>) -> usize {
    let body = hello().to_string();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = UnixStream::connect(house.socket()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    match bytes {
        Some(bytes) => stream.take(bytes as u64).read_to_end(&mut answer).await.unwrap(),
        None => stream.read_to_end(&mut answer).await.unwrap(),
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_any_byte_of_a_stream_pays_for_all_of_it() {
    let house = House::new().await;
    let length = leave_after(&house, None).await;
    assert!(length > 500, "only {length} bytes are an answer");
    let whole = house.settled().await.cost;
    let leavings = stream::iter(1..length).map(|bytes| leave_after(&house, Some(bytes)));
    assert_eq!(leavings.buffer_unordered(16).count().await, length - 1);
    house.stop().await;
    let rows = house.rows().await;
    assert_eq!(rows.len(), length);
    let odd = rows.iter().find(|row| row.status != "exact" || row.cost != whole);
    assert!(odd.is_none(), "{odd:?} is not {whole}");
    assert_eq!(house.turn_cost().await.as_nanos(), whole.as_nanos() * i64::try_from(length).unwrap());
}
