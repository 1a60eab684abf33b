//! Calls that are not made, and calls that the model refuses.

use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde_json::json;
use tokio::net::TcpListener;

use super::by_hand::{ByHand, document};
use super::harness::House;
use super::wire::{Told, hello, scripted, with};
use crate::domain::Usd;

/// No call was made, and the ledger knows of none.
async fn assert_untouched(house: &House) {
    assert!(house.stand_in.received().is_empty(), "{:?}", house.stand_in.received());
    assert!(house.rows().await.is_empty(), "{:?}", house.rows().await);
}

#[tokio::test]
async fn a_model_without_a_price_is_not_asked() {
    let house = House::new().await;
    let endless = "m".repeat(10_000);
    for model in ["claude-next", "gpt-5", "claude-opus", "", "Claude-Opus-5-5", "claude-opus-5-5 ", &endless] {
        let message = house.told(&with(hello(), "model", model)).await.refusal(404, "not_found_error", false);
        let shown = &model[..model.len().min(100)];
        assert_eq!(
            message,
            format!("the model `{shown}` has no price in this installation, so it cannot be used here")
        );
    }
    assert_untouched(&house).await;
}

#[tokio::test]
async fn a_body_that_is_no_call_is_refused_with_the_reason() {
    let house = House::new().await;
    for (body, reason) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("null", "null"),
        ("{}", "missing field `model`"),
        (r#"{"model": 1}"#, "invalid type"),
        (r#"{"model": null}"#, "invalid type"),
        (r#"{"model": "claude-opus-5-5"} {}"#, "trailing"),
        (r#"{"model": "claude-haiku-5-5", "model": "claude-opus-5-5"}"#, "duplicate field `model`"),
        (r#"{"model": "claude-haiku-5-5", "mod\u0065l": "claude-opus-5-5"}"#, "duplicate field `model`"),
        (r#"{"model": "claude-opus-5-5", "speed": "standard", "speed": "fast"}"#, "duplicate field `speed`"),
        (r#"{"model": "claude-opus-5-5", "inference_geo": "us", "inference_geo": null}"#, "duplicate field"),
    ] {
        let told = Told::of(house.post(body).send().await.unwrap()).await;
        let message = told.refusal(400, "invalid_request_error", false);
        assert!(message.contains(reason), "{body}: {message}");
    }
    assert_untouched(&house).await;
}

#[tokio::test]
async fn a_body_may_be_as_large_as_is_accepted_and_not_a_byte_larger() {
    let house = House::with(|config| config.max_body_bytes = 2_000).await;
    let padded = |length: usize| format!("{:length$}", hello().to_string());
    let in_parts = |length: usize| {
        let body = Bytes::from(padded(length));
        let parts = [body.slice(..1_000), body.slice(1_000..)].map(Ok::<_, std::io::Error>);
        reqwest::Body::wrap_stream(stream::iter(parts))
    };
    for larger in [reqwest::Body::from(padded(2_001)), in_parts(2_001)] {
        let told = Told::of(house.post(larger).send().await.unwrap()).await;
        let message = told.refusal(413, "request_too_large", false);
        assert!(message.contains("2000 bytes"), "{message}");
    }
    assert_untouched(&house).await;
    for largest in [reqwest::Body::from(padded(2_000)), in_parts(2_000)] {
        assert_eq!(Told::of(house.post(largest).send().await.unwrap()).await.status, 200);
    }
    assert!(house.stand_in.received().iter().all(|received| received.body == padded(2_000)));
}

#[tokio::test]
async fn there_is_nothing_but_the_messages_api() {
    let house = House::new().await;
    for (method, path) in [
        (Method::GET, "/v1/messages"),
        (Method::PUT, "/v1/messages"),
        (Method::POST, "/v1/messages/"),
        (Method::POST, "//v1/messages"),
        (Method::POST, "/v1/%6dessages"),
        (Method::POST, "/v1/messages/y"),
        (Method::GET, "/v1/models"),
        (Method::POST, "/v1/complete"),
        (Method::POST, "/v1/files"),
        (Method::GET, "/v1/organizations/usage_report/messages"),
        (Method::POST, "/"),
        (Method::GET, "/"),
        (Method::GET, "/recorded"),
    ] {
        let sent = house.request(method.clone(), path).body(hello().to_string()).send().await.unwrap();
        let message = Told::of(sent).await.refusal(404, "not_found_error", false);
        assert!(message.contains("nothing here"), "{method} {path}: {message}");
    }
    assert_untouched(&house).await;
}

#[tokio::test]
async fn what_has_no_price_is_refused() {
    let house = House::new().await;
    for (method, path) in [
        (Method::POST, "/v1/messages/batches"),
        (Method::GET, "/v1/messages/batches"),
        (Method::GET, "/v1/messages/batches/b_1/results"),
        (Method::DELETE, "/v1/messages/batches/b_1"),
    ] {
        let told = Told::of(house.request(method, path).body("{}").send().await.unwrap()).await;
        assert!(told.refusal(400, "invalid_request_error", false).contains("batch"));
    }
    for (field, value) in [("speed", "fast"), ("speed", ""), ("inference_geo", "us"), ("inference_geo", "eu")] {
        let told = house.told(&with(hello(), field, value)).await;
        assert!(told.refusal(400, "invalid_request_error", false).contains(&format!("`{field}`")));
    }
    assert_untouched(&house).await;
    for (field, value) in [("speed", json!("standard")), ("speed", json!(null)), ("inference_geo", json!("global"))] {
        assert_eq!(house.told(&with(hello(), field, value)).await.status, 200);
    }
}

#[tokio::test]
async fn nothing_is_spent_that_cannot_be_accounted_for() {
    let house = House::new().await;
    house.store.close().await;
    let message = house.told(&hello()).await.refusal(503, "api_error", false);
    assert_eq!(message, "the call cannot be accounted for at the moment, so it was not made");
    assert!(house.stand_in.received().is_empty());
}

#[tokio::test]
async fn a_model_that_cannot_be_reached_costs_nothing_and_may_be_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let house = House::before(&format!("http://{address}")).await;
    let message = house.told(&hello()).await.refusal(502, "api_error", true);
    assert!(message.contains("cannot be reached") && !message.contains(&address), "{message}");
    let row = house.row().await;
    assert_eq!((row.status.as_str(), row.cost), ("exact", Usd::ZERO));
    let counted = house.request(Method::POST, "/v1/messages/count_tokens").body("{}").send().await.unwrap();
    Told::of(counted).await.refusal(502, "api_error", true);
}

#[tokio::test]
async fn errors_of_the_model_come_as_they_are_and_cost_nothing() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    for (calls, status) in [400, 403, 404, 413, 429, 500, 529].into_iter().enumerate() {
        let body = format!("{{ \"type\":\"error\",\r\n\"error\" : {{\"message\":\"number {status} \u{fc}\"}}}}\n");
        let mut error = document(status, body.clone());
        let headers = [("retry-after", "17"), ("x-should-retry", "true"), ("request-id", "req_1")];
        for (name, value) in headers {
            error.headers_mut().insert(name, value.parse().unwrap());
        }
        let told = Told::of(model.answer(&house, error).await).await;
        let rows = house.rows().await;
        assert_eq!((told.status.as_u16(), told.text()), (status, body));
        for (name, value) in headers {
            assert_eq!(told.headers[name], value);
        }
        assert_eq!(rows.len(), calls + 1);
        assert!(rows.iter().all(|row| row.status == "exact" && row.cost == Usd::ZERO), "{rows:?}");
    }
    assert_eq!(house.turn_cost().await, Usd::ZERO);
}

#[tokio::test]
async fn a_call_that_is_repeated_is_paid_once_for_each_answer() {
    let house = House::new().await;
    let usage = json!({"input_tokens": 1_000, "output_tokens": 50});
    let body = scripted(&json!({"status": 529, "times": 2, "retry_after": 1, "usage": usage}));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(house.told(&body).await.status.as_u16());
    }
    assert_eq!(statuses, [529, 529, 200]);
    let costs: Vec<_> = house.rows().await.iter().map(|row| row.cost.as_nanos()).collect();
    assert_eq!(costs, [0, 0, 5_000_000]);
}
