//! What sessions cost: the ledger against the script, to the nano-dollar, however a turn ends.

use innkeeper::store::LedgerEntry;
use serde_json::{Value, json};

use crate::harness::{Server, docker, eventually, sandboxes, script};

/// Prices of a million tokens in nano-dollars: input, output, cache read, cache write for 5 minutes and for an hour.
/// Written down here a second time, so that a mistake in the table is seen.
const PRICES: [(&str, [u64; 5]); 3] = [
    ("claude-opus-5-5", [4_000_000_000, 20_000_000_000, 200_000_000, 5_000_000_000, 8_000_000_000]),
    ("claude-sonnet-5-5", [2_000_000_000, 10_000_000_000, 100_000_000, 2_500_000_000, 4_000_000_000]),
    ("claude-haiku-4-5-20251001", [1_000_000_000, 5_000_000_000, 100_000_000, 1_250_000_000, 2_000_000_000]),
];

fn usage(input: u64, output: u64, read: u64, short: u64, long: u64) -> Value {
    json!({
        "input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
    })
}

/// An answer of eight pieces that takes its time, and costs 10.4 million nano-dollars.
fn slow_answer() -> Value {
    let prompt = script(&json!({
        "text": "a b c d e f g h", "chunks": 8, "chunk_delay_ms": 300, "usage": usage(5_000, 40, 0, 0, 0),
    }));
    json!({"prompt": prompt, "model": "claude-sonnet-5-5"})
}

fn total(ledger: &[LedgerEntry]) -> i64 {
    ledger.iter().map(|entry| entry.cost.as_nanos()).sum()
}

/// A number of dollars as the API shows it.
fn dollars(nanos: i64) -> Value {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    serde_json::from_str(text.trim_end_matches('0')).unwrap()
}

#[tokio::test]
async fn the_ledger_is_scripted_usage_times_price() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let tokens = [1_003, 77, 30_011, 2_003, 507];
    for (model, prices) in PRICES {
        let [input, output, read, short, long] = tokens;
        let prompt = script(&json!({"turns": 1, "usage": usage(input, output, read, short, long)}));
        let body = json!({"prompt": prompt, "model": model, "permission_mode": "bypassPermissions"});
        let status = tenant.run(&body).await;
        assert_eq!(status["status"], "completed", "{status}");

        let classes = tokens.iter().zip(prices).map(|(tokens, price)| u128::from(*tokens) * u128::from(price));
        let expected = i64::try_from(classes.sum::<u128>().div_ceil(1_000_000)).unwrap();
        let ledger = server.ledger(&tenant, status["session_id"].as_str().unwrap()).await;
        assert_eq!(ledger.len(), 2, "{model}: {ledger:?}");
        for entry in &ledger {
            assert_eq!((entry.cost.as_nanos(), entry.status.as_str()), (expected, "exact"), "{model}");
        }
        assert_eq!(status["total_cost_usd"], dollars(2 * expected), "{model}");
        assert_eq!(status["result"]["total_cost_usd"], dollars(2 * expected), "{model}");
    }
}

#[tokio::test]
async fn a_turn_that_is_cancelled_in_the_middle_of_an_answer_costs_what_the_model_said() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&slow_answer()).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 1)).await;
    tenant.cancel(&session).await;
    // The agent leaves at once; the gateway reads the answer to its end, because that is what the provider charges.
    let ledger = eventually(async || settled(server.ledger(&tenant, &session).await)).await;
    assert_eq!((total(&ledger), ledger[0].status.as_str()), (5_000 * 2_000 + 40 * 10_000, "exact"));
    let shown = eventually(async || {
        Some(tenant.status(&session).await["total_cost_usd"].clone()).filter(|cost| *cost != json!(0))
    })
    .await;
    assert_eq!(shown, dollars(10_400_000));
}

#[tokio::test]
async fn a_sandbox_that_is_killed_is_paid_all_the_same() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&slow_answer()).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 1)).await;
    docker(&["kill", &sandboxes(&session).await[0]]).await;
    let status = tenant.finish(&session).await;
    assert_eq!(status["status"], "error", "{status}");
    assert!(status["error"].as_str().unwrap().contains("The sandbox ended"), "{}", status["error"]);
    let ledger = eventually(async || settled(server.ledger(&tenant, &session).await)).await;
    assert_eq!((total(&ledger), ledger[0].status.as_str()), (10_400_000, "exact"));
    eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_cut_answer_and_its_repetition_are_both_paid() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let prompt = script(&json!({
        "text": "a b c d", "chunks": 4, "cut_after_chunks": 2, "times": 1, "usage": usage(1_000, 10, 0, 0, 0),
    }));
    let status = tenant.run(&json!({"prompt": prompt, "model": "claude-sonnet-5-5"})).await;
    let ledger = server.ledger(&tenant, status["session_id"].as_str().unwrap()).await;
    let statuses: Vec<_> = ledger.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(statuses, ["estimated", "exact"], "{status}");
    assert!(ledger[0].cost.as_nanos() >= 1_000 * 2_000, "{ledger:?}");
    assert_eq!(ledger[1].cost.as_nanos(), 1_000 * 2_000 + 10 * 10_000);
}

#[tokio::test]
async fn a_tenant_sees_what_it_spent_and_nobody_else_does() {
    let server = Server::start().await;
    let (tenant, rival) = (server.tenant("acme").await, server.tenant("rival").await);
    for (model, output) in [("claude-sonnet-5-5", 10), ("claude-haiku-4-5", 20), ("claude-sonnet-5-5", 30)] {
        let prompt = script(&json!({"usage": usage(1_000, output, 0, 0, 0)}));
        tenant.run(&json!({"prompt": prompt, "model": model})).await;
    }
    let (_, report) = tenant.get("/v1/usage?by=model").await;
    let lines: Vec<_> =
        report["data"].as_array().unwrap().iter().map(|line| (&line["group"], &line["cost_usd"])).collect();
    let sonnet = dollars(2 * 1_000 * 2_000 + 40 * 10_000).to_string();
    let haiku = dollars(1_000 * 1_000 + 20 * 5_000).to_string();
    assert_eq!(lines, [(&json!("claude-sonnet-5-5"), &json!(sonnet)), (&json!("claude-haiku-4-5"), &json!(haiku))]);
    let (_, csv) = tenant.get("/v1/usage?by=day&format=csv").await;
    let csv = csv.as_str().unwrap();
    assert!(
        csv.starts_with("group,calls,estimated_calls,") && csv.lines().nth(1).unwrap().contains(",3,0,3000,60,"),
        "{csv}"
    );
    assert_eq!(tenant.get("/v1/usage?by=mood").await.0.as_u16(), 400);
    assert_eq!(rival.get("/v1/usage").await.1["data"], json!([]));
    assert_eq!(tenant.get("/v1/me").await.1["tenant"], "acme");
    server.command(&["budgets", "create", "--tenant", "acme", "--limit", "1"]).await;
    assert_eq!(tenant.get("/v1/budget").await.1["data"][0]["limit_usd"], "1");
    assert_eq!(rival.get("/v1/budget").await.1["data"], json!([]));
}

#[tokio::test]
async fn an_error_of_the_model_is_told_and_costs_nothing() {
    let server = Server::start_with(&[("agent.max_retries", "1")]).await;
    let tenant = server.tenant("acme").await;
    for (status, kind, message) in [
        (400, "invalid_request_error", "prompt is too long: 1 > 0"),
        (401, "authentication_error", "invalid x-api-key"),
        (429, "rate_limit_error", "slow down"),
        (529, "overloaded_error", "Overloaded"),
        (500, "api_error", "out of order"),
    ] {
        let prompt = script(&json!({
            "status": status, "error_type": kind, "error_message": message, "headers": {"x-should-retry": "false"},
        }));
        let shown = tenant.run(&json!({"prompt": prompt})).await;
        assert_eq!(shown["status"], "error", "{status}: {shown}");
        assert_ne!(shown["error"], Value::Null, "{status}");
        assert_eq!(shown["total_cost_usd"], json!(0), "{status}");
    }
}

#[tokio::test]
async fn a_model_without_a_price_is_not_asked() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let status = tenant.run(&json!({"prompt": "x", "model": "claude-next-9"})).await;
    assert_eq!(status["status"], "error");
    assert!(status["error"].as_str().unwrap().contains("claude-next-9"), "{}", status["error"]);
    assert!(server.stand_in.received().iter().all(|call| !call.path.starts_with("/v1/messages")));
}

/// The ledger, if no call is open any more.
fn settled(ledger: Vec<LedgerEntry>) -> Option<Vec<LedgerEntry>> {
    ledger.iter().all(|entry| entry.status != "open").then_some(ledger)
}
