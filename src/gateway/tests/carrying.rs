//! What calls carry beside text: documents the provider counts, hosts it would reach, models and features nobody granted.

use axum::body::to_bytes;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::by_hand::{ByHand, document};
use super::far_host::events;
use super::harness::House;
use super::wire::{OPUS, Told, hello, scripted, with};
use crate::config::EgressConfig;
use crate::domain::{By, TenantLimits, Usd};

/// What a token of input and of output costs in nano-dollars.
const INPUT: i64 = 4_000;
const OUTPUT: i64 = 20_000;

/// A call with one block, and an answer of 1,000 tokens at most.
fn carrying(block: &Value) -> Value {
    json!({"model": OPUS, "max_tokens": 1_000, "messages": [{"role": "user", "content": [block]}]})
}

fn pdf() -> Value {
    let source = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjcK".repeat(1_000)});
    json!({"type": "document", "source": source})
}

fn fetched(kind: &str) -> Value {
    json!({"type": kind, "source": {"type": "url", "url": "https://files.example.org/a"}})
}

/// Calls with a document, lets the model answer the count with `count`, and returns what is held for the call then.
async fn held_after(count: (u16, &'static str)) -> i64 {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    house.budget(10_000_000_000).await;
    let asked = async {
        let counting = model.next().await;
        assert_eq!(counting.request.uri(), "/v1/messages/count_tokens");
        let (sent, body) = counting.request.into_parts();
        assert!(!sent.headers.contains_key("content-length"), "{sent:?}");
        let body: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        assert_eq!(body, json!({"model": OPUS, "messages": carrying(&pdf())["messages"]}));
        assert!(counting.answer.send(document(count.0, count.1)).is_ok());
        let calling = model.next().await;
        assert_eq!(calling.request.uri(), "/v1/messages");
        let held = house.standing().await.held;
        assert!(calling.answer.send(document(400, "{}")).is_ok());
        held.as_nanos()
    };
    let call = carrying(&pdf());
    let (told, held) = tokio::join!(house.told(&call), asked);
    assert_eq!(told.status, 400);
    assert_eq!(house.standing().await.held, Usd::ZERO);
    held
}

#[tokio::test]
async fn holds_a_document_at_the_count_of_the_provider() {
    assert_eq!(held_after((200, r#"{"input_tokens": 2000}"#)).await, (2_000 + 100 + 1_000) * INPUT + 1_000 * OUTPUT);
}

#[tokio::test]
async fn holds_a_document_at_the_context_window_without_a_count() {
    for refused in [(500, "{}"), (200, "{}"), (200, r#"{"input_tokens": -1}"#)] {
        assert_eq!(held_after(refused).await, 1_000_000 * INPUT + 1_000 * OUTPUT, "{refused:?}");
    }
}

#[tokio::test]
async fn asks_for_a_count_only_when_the_bound_does_not_fit() {
    let house = House::new().await;
    let text = "word ".repeat(20_000);
    let call = with(scripted(&json!({"usage": {"input_tokens": 1}})), "system", text);
    assert_eq!(house.told(&call).await.status, 200);
    assert_eq!(house.stand_in.received().len(), 1);
    // The bytes would be held at 41 cents; counted they are 12.
    house.budget(200_000_000).await;
    assert_eq!(house.told(&call).await.status, 200);
    let received = house.stand_in.received();
    let paths: Vec<_> = received.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages"]);
    let max_tokens = received[2].json()["max_tokens"].as_u64().unwrap();
    assert!((4_096..6_000).contains(&max_tokens), "{max_tokens}");
    assert_eq!(house.rows().await.len(), 2);
}

#[tokio::test]
async fn large_call_is_carried_and_refused_as_a_small_one_is() {
    let house = House::new().await;
    let call = with(scripted(&json!({"usage": {"input_tokens": 1}})), "system", "word ".repeat(100_000));
    assert_eq!(house.told(&call).await.status, 200);
    assert_eq!(house.stand_in.received()[0].json(), call);
    let said = house.told(&with(call, "container", "container_1")).await;
    let said = said.refusal(400, "invalid_request_error", false);
    assert!(said.contains("`container`"), "{said}");
    assert_eq!(house.stand_in.received().len(), 1);
}

#[tokio::test]
async fn the_provider_reaches_no_host_that_is_not_granted() {
    let house = House::new().await;
    house.budget(100_000_000).await;
    let calls = [carrying(&fetched("document")), carrying(&fetched("image"))];
    let told = join_all((0..20).map(|at| house.told(&calls[at % 2]))).await;
    for told in told {
        let said = told.refusal(400, "invalid_request_error", false);
        assert!(
            said.contains("`messages[0].content[0].source.url`") && said.contains("`files.example.org:443`"),
            "{said}"
        );
    }
    let counting = house.request(Method::POST, "/v1/messages/count_tokens").body(calls[0].to_string());
    Told::of(counting.send().await.unwrap()).await.refusal(400, "invalid_request_error", false);
    assert!(house.stand_in.received().is_empty() && house.rows().await.is_empty());
    let event = events(&house, 1).await.remove(0);
    assert_eq!((&event["host"], &event["allowed"]), (&json!("files.example.org"), &json!(false)));
    assert_eq!(event["reason"], "not_granted");
}

#[tokio::test]
async fn what_the_provider_fetches_from_a_granted_host_is_recorded() {
    let house = House::granting(&["files.example.org:443"], &EgressConfig::test()).await;
    let mut call = carrying(&fetched("image"));
    call["messages"][0]["content"].as_array_mut().unwrap().push(json!({"type": "text", "text": "@stand-in {}"}));
    assert_eq!(house.told(&call).await.status, 200);
    let event = events(&house, 1).await.remove(0);
    assert_eq!(
        (&event["host"], &event["port"], &event["allowed"]),
        (&json!("files.example.org"), &json!(443), &json!(true))
    );
    assert_eq!(event["reason"], "fetched_by_provider");
}

#[tokio::test]
async fn a_tenant_s_models_hold_for_every_call_from_the_moment_they_change() {
    let house = House::new().await;
    let limit = async |models: &[&str]| {
        let models = Some(models.iter().map(|model| (*model).to_owned()).collect());
        let limits = TenantLimits { models, ..TenantLimits::default() };
        house.store.tenants().set_limits(house.caller.tenant, &limits, &By::test()).await.unwrap();
    };
    assert_eq!(house.told(&hello()).await.status, 200);
    limit(&["claude-haiku-4-5"]).await;
    let said = house.told(&hello()).await.refusal(404, "not_found_error", false);
    assert_eq!(said, format!("the model `{OPUS}` is not allowed for this tenant; allowed are: claude-haiku-4-5"));
    let counting = house.request(Method::POST, "/v1/messages/count_tokens").body(hello().to_string());
    Told::of(counting.send().await.unwrap()).await.refusal(404, "not_found_error", false);
    assert_eq!(house.told(&with(hello(), "model", "claude-haiku-4-5-20251001[1m]")).await.status, 200);
    limit(&["claude-haiku-4-5", "claude-opus-5-5-20260701"]).await;
    assert_eq!(house.told(&hello()).await.status, 200);
    assert_eq!(house.stand_in.received().len(), 3);
}

#[tokio::test]
async fn a_feature_nobody_knows_is_refused_until_it_is_allowed() {
    let call =
        |house: &House| house.post(hello().to_string()).header("anthropic-beta", "effort-2025-11-24,new-2027-01-01");
    let house = House::new().await;
    let said = Told::of(call(&house).send().await.unwrap()).await.refusal(400, "invalid_request_error", false);
    assert!(said.contains("`new-2027-01-01`") && said.contains("gateway.allowed_betas"), "{said}");
    assert!(house.stand_in.received().is_empty());
    let house = House::with(|config| config.allowed_betas = vec!["new-2027-01-01".to_owned()]).await;
    assert_eq!(Told::of(call(&house).send().await.unwrap()).await.status, 200);
}
