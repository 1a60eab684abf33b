//! Answers in another form than was asked for, over HTTP: passed on as they are, and charged as what they are.

use std::io::Write;

use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::by_hand::{ByHand, Pieces, REPORT, START, STOP, TEXT, WHOLE_COST, document, event_stream};
use super::harness::House;
use super::wire::{MAX_TOKENS, OPUS, Told, hello, read_until, scripted};

const MESSAGE: &str = r#"{"type":"message","usage":{"input_tokens":1000,"output_tokens":50}}"#;

/// The only call of a new house that is answered with `response`, streaming or not, comes back like this.
async fn carried(response: Response, streams: bool) -> (House, Told) {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let call = if streams { hello() } else { scripted(&serde_json::json!({})) };
    let (answer, ()) = tokio::join!(house.call(&call), async { model.next().await.answer(response) });
    let told = Told::of(answer).await;
    (house, told)
}

async fn assert_exact(house: &House, nanos: i64) {
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.cost.as_nanos(), row.model.as_str()), ("exact", nanos, OPUS), "{row:?}");
}

fn whole_stream() -> String {
    [START, TEXT, REPORT, STOP].concat()
}

#[tokio::test]
async fn charges_a_document_where_a_stream_was_asked() {
    for response in [document(200, MESSAGE), event_stream(MESSAGE), Response::new(MESSAGE.into())] {
        let (house, told) = carried(response, true).await;
        assert_eq!(told.text(), MESSAGE);
        assert_exact(&house, WHOLE_COST).await;
    }
}

#[tokio::test]
async fn charges_a_stream_where_a_document_was_asked() {
    for response in [event_stream(whole_stream()), document(200, whole_stream()), Response::new(whole_stream().into())]
    {
        let (house, told) = carried(response, false).await;
        assert_eq!(told.text(), whole_stream());
        assert_exact(&house, WHOLE_COST).await;
    }
}

#[tokio::test]
async fn passes_a_stream_on_at_once_whatever_it_is_called() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let (pieces, body) = Pieces::new();
    pieces.say(START).await;
    let mut answer = model.answer(&house, document(200, body)).await;
    pieces.say(TEXT).await;
    assert_eq!(read_until(&mut answer, TEXT).await, [START, TEXT].concat());
    assert_eq!(house.row().await.status, "open");
}

#[tokio::test]
async fn charges_a_compressed_answer_and_passes_it_on_as_it_came() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(whole_stream().as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let mut response = event_stream(bytes.clone());
    response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let (house, told) = carried(response, true).await;
    assert_eq!((told.body.as_ref(), told.headers["content-encoding"].to_str().unwrap()), (bytes.as_slice(), "gzip"));
    assert_exact(&house, WHOLE_COST).await;
}

#[tokio::test]
async fn charges_nothing_for_an_error_that_is_called_a_success() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let (house, told) = carried(document(200, error), true).await;
    assert_eq!(told.text(), error);
    assert_exact(&house, 0).await;
}

#[tokio::test]
async fn charges_what_is_held_for_an_error_of_somebody_else() {
    for (status, free) in [(502, false), (504, false), (403, true), (503, true)] {
        let (house, told) = carried(document(status, "<html>gateway</html>"), true).await;
        assert_eq!((told.status.as_u16(), told.text().as_str()), (status, "<html>gateway</html>"));
        let row = house.row().await;
        let reason = (!free).then_some("unconfirmed_error");
        assert_eq!(row.estimate_reason.as_deref(), reason, "{status}");
        assert_eq!(row.cost.as_nanos() > MAX_TOKENS * 20_000, !free, "{status}: {row:?}");
    }
}
