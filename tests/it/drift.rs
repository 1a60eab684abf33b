//! Drift: what the real CLI claims that turns cost, beside the ledger, through everything that may come between them.

use serde_json::{Value, json};

use crate::harness::{Server, Tenant, bash, script};

/// Our table.
const PRICES: &str = include_str!("../../config/prices.toml");

const OPUS: &str = "claude-opus-5-5";
const SONNET: &str = "claude-sonnet-5-5";

/// A server whose `input` of Sonnet costs `price` dollars, and whose CLI-unknown model is `claude-next-9`.
async fn server_with_input_price(price: &str) -> (Server, tempfile::TempDir) {
    let (_, sonnet) = PRICES.split_once("id = \"claude-sonnet-5-5\"").unwrap();
    let (sonnet, _) = sonnet.split_once("[[model]]").unwrap();
    let changed = sonnet.replacen("input = \"2\"", &format!("input = \"{price}\""), 1);
    let next = format!("\n[[model]]\nid = \"claude-next-9\"{sonnet}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.toml");
    std::fs::write(&path, PRICES.replace(sonnet, &changed) + &next).unwrap();
    let server = Server::start_with(&[("gateway.prices_file", path.to_str().unwrap())]).await;
    (server, directory)
}

fn usage(input: u64, output: u64) -> Value {
    json!({"input_tokens": input, "output_tokens": output, "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0})
}

/// Runs another turn of a session.
async fn resume(tenant: &Tenant, session: &str, prompt: &str, model: &str) {
    let body = json!({"prompt": prompt, "model": model, "resume_session_id": session,
        "permission_mode": "bypassPermissions"});
    let (status, answer) = tenant.execute(&body).await;
    assert_eq!(status.as_u16(), 200, "{answer}");
    let ended = tenant.finish(session).await;
    assert_eq!(ended["status"], "completed", "{ended}");
}

#[tokio::test]
async fn the_cli_and_the_ledger_agree_to_the_nano_dollar_through_models_and_resumes() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let first = json!({"prompt": bash("echo hello"), "model": OPUS, "permission_mode": "bypassPermissions"});
    let session = tenant.run(&first).await["session_id"].as_str().unwrap().to_owned();
    let searching = script(&json!({"usage": {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0, "server_tool_use": {"web_search_requests": 2}}}));
    for (prompt, model) in
        [(searching.as_str(), SONNET), ("more", SONNET), ("and more", "claude-haiku-5-5"), ("back", OPUS)]
    {
        resume(&tenant, &session, prompt, model).await;
    }
    let drift = server.drift().await;
    let ledger: i64 = server.ledger(&tenant, &session).await.iter().map(|call| call.cost.as_nanos()).sum();
    assert_eq!((drift.turns, drift.ledger.as_nanos()), (5, ledger));
    assert!(ledger > 0);
    assert_eq!((drift.claimed, drift.ratio()), (drift.ledger, Some(0.0)));
}

#[tokio::test]
async fn a_subagent_s_calls_are_in_both_accounts() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let task = json!({"description": "look", "prompt": "Say hello", "subagent_type": "general-purpose"});
    let prompt = script(&json!({"tools": [{"name": "Agent", "input": task}]}));
    let status = tenant.run(&json!({"prompt": prompt, "model": SONNET, "permission_mode": "bypassPermissions"})).await;
    let calls = server.ledger(&tenant, status["session_id"].as_str().unwrap()).await;
    assert!(calls.len() > 2, "no subagent asked: {calls:?}");
    let drift = server.drift().await;
    assert_eq!((drift.turns, drift.claimed), (1, drift.ledger), "{calls:?}");
}

#[tokio::test]
async fn a_wrong_price_is_seen_as_large_as_it_is() {
    let (server, _prices) = server_with_input_price("1.6").await;
    let tenant = server.tenant("acme").await;
    let prompt = script(&json!({"usage": usage(1_000_000, 20_000)}));
    tenant.run(&json!({"prompt": prompt, "model": SONNET})).await;
    let drift = server.drift().await;
    // By the CLI's table 2 dollars of input and 0.20 of output; by ours 1.60 and 0.20.
    assert_eq!((drift.claimed.to_string(), drift.ledger.to_string()), ("2.2".to_owned(), "1.8".to_owned()));
    assert!((drift.ratio().unwrap() - 0.4 / 1.8).abs() < 1e-12, "{drift:?}");
    let told = server.command(&["usage", "drift"]).await;
    assert!(told.contains("acme") && told.contains("+22.22"), "{told}");
}

#[tokio::test]
async fn what_says_nothing_about_prices_is_not_compared() {
    let (server, _prices) = server_with_input_price("2").await;
    let tenant = server.tenant("acme").await;
    // A turn that was cancelled has no result.
    let session = tenant.start(&json!({"prompt": "Please count from 1 to 1000", "model": SONNET})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 3)).await;
    tenant.cancel(&session).await;
    tenant.finish(&session).await;
    // A model that the CLI has no price for.
    let guessed = tenant.run(&json!({"prompt": "Say hello", "model": "claude-next-9"})).await;
    assert_eq!(guessed["status"], "completed", "{guessed}");
    // An answer that was cut is an estimate in both accounts.
    let cut = script(&json!({"text": "a b c d", "chunks": 4, "cut_after_chunks": 2, "times": 1}));
    tenant.run(&json!({"prompt": cut, "model": SONNET})).await;
    assert_eq!(server.drift().await.turns, 0);
    // What the CLI says after that in the cancelled conversation is of the next turn alone.
    resume(&tenant, &session, "and now?", SONNET).await;
    let drift = server.drift().await;
    assert_eq!((drift.turns, drift.claimed), (1, drift.ledger));
    assert!(drift.claimed.as_nanos() > 0);
}
