//! Prices that change while the server runs: SIGHUP puts the file's in force, if they can be used.

use std::path::Path;

use innkeeper::store::LedgerEntry;
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Server, Tenant, eventually, script};

const PRICES: &str = include_str!("../../config/prices.toml");

/// Runs a session of one call with a thousand tokens of input, and answers its row in the ledger.
async fn call(server: &Server, tenant: &Tenant) -> LedgerEntry {
    let prompt = script(&json!({"usage": {"input_tokens": 1_000}}));
    let status = tenant.run(&json!({"prompt": prompt, "model": "claude-sonnet-5-5"})).await;
    assert_eq!(status["status"], "completed", "{status}");
    let mut ledger = server.ledger(tenant, status["session_id"].as_str().unwrap()).await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    ledger.remove(0)
}

/// Writes `text` as the price file, tells the server, and waits until it has logged `words`.
async fn change(server: &Server, path: &Path, text: &str, words: &str) {
    std::fs::write(path, text).unwrap();
    server.signal(Signal::HUP);
    eventually(async || server.log().contains(words).then_some(())).await;
}

#[tokio::test]
async fn a_hangup_puts_new_prices_in_force_and_keeps_the_old_ones_if_they_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.toml");
    std::fs::write(&path, PRICES).unwrap();
    let mut server = Server::start_with(&[("gateway.prices_file", path.to_str().unwrap())]).await;
    let tenant = server.tenant("acme").await;
    let row = call(&server, &tenant).await;
    assert_eq!((row.cost.as_nanos(), row.price_version.as_str()), (2_000_000, "2026-11-30"));

    let (before, sonnet) = PRICES.split_once("id = \"claude-sonnet-5-5\"").unwrap();
    let dearer = sonnet.replacen("input = \"2\"", "input = \"2.25\"", 1);
    let new = format!("{before}id = \"claude-sonnet-5-5\"{dearer}").replace("\"2026-11-30\"", "\"dearer\"");
    change(&server, &path, &new, "new prices are in force").await;
    let row = call(&server, &tenant).await;
    assert_eq!((row.cost.as_nanos(), row.price_version.as_str()), (2_250_000, "dearer"));

    change(&server, &path, "version = ", "the price file cannot be used").await;
    let cheap = new.replace("\"2.25\"", "\"1\"").replace("\"dearer\"", "\"cheap\"");
    change(&server, &path, &cheap, "model `claude-sonnet-5-5`: `input` falls from 2.25 to 1,").await;
    let row = call(&server, &tenant).await;
    assert_eq!((row.cost.as_nanos(), row.price_version.as_str()), (2_250_000, "dearer"));
    server.end().await;
}
