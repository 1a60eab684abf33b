//! Budgets: what is spent never passes them, and who meets one is told what to do.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Server, Tenant, eventually, script};

/// A script whose every model call costs `tokens` times two thousand nano-dollars.
fn costing(tokens: u64) -> Value {
    json!({"prompt": script(&json!({"usage": {"input_tokens": tokens}})), "model": "claude-sonnet-5-5"})
}

#[tokio::test]
async fn a_spent_budget_ends_the_turn_and_more_money_lets_it_go_on() {
    let server = Server::start_with(&[("agent.max_output_tokens", "5000")]).await;
    let tenant = server.tenant("acme").await;
    let budget = server.command(&["budgets", "create", "--tenant", "acme", "--limit", "1", "--json"]).await;
    let budget: Value = serde_json::from_str(&budget).unwrap();
    let id = budget["id"].as_str().unwrap();

    let first = tenant.run(&costing(480_000)).await;
    assert_eq!((&first["status"], &first["total_cost_usd"]), (&json!("completed"), &json!(0.96)));
    let second = tenant.run(&costing(1)).await;
    assert_eq!(second["status"], "error", "{second}");
    let said = second["error"].as_str().unwrap();
    assert!(said.contains("spend limit reached: the tenant's budget is $1 a month; begins anew at"), "{said}");
    assert_eq!(second["total_cost_usd"], 0);
    let asked = server.stand_in.received().iter().filter(|call| call.path.starts_with("/v1/messages")).count();
    assert_eq!(asked, 1, "the model was asked without money");

    server.command(&["budgets", "update", id, "--limit", "10"]).await;
    let session = second["session_id"].as_str().unwrap();
    let (status, body) = tenant.execute(&json!({"prompt": "Say hello", "resume_session_id": session})).await;
    assert_eq!(status.as_u16(), 200, "{body}");
    assert_eq!(tenant.finish(session).await["status"], "completed");

    let listed: Value = serde_json::from_str(&server.command(&["budgets", "list", "--json"]).await).unwrap();
    assert_eq!((&listed["data"][0]["held_usd"], &listed["data"][0]["limit_usd"]), (&json!("0"), &json!("10")));
    server.command(&["budgets", "archive", id]).await;
    assert_eq!(server.command(&["budgets", "list"]).await, "");
}

#[tokio::test]
async fn a_call_that_fits_only_with_a_shorter_answer_is_asked_for_that() {
    let server = Server::start_with(&[("agent.max_output_tokens", "32000")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["budgets", "create", "--limit", "0.30", "--period", "day"]).await;
    let status = tenant.run(&costing(1)).await;
    assert_eq!(status["status"], "completed", "{status}");
    let received = server.stand_in.received();
    let call = received.iter().find(|call| call.path.starts_with("/v1/messages")).unwrap().json();
    let max_tokens = call["max_tokens"].as_u64().unwrap();
    assert!((4_096..32_000).contains(&max_tokens), "{max_tokens}");
}

#[tokio::test]
async fn many_sessions_at_once_spend_a_budget_and_not_more() {
    let server = Server::start_with(&[("agent.max_output_tokens", "4096")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["budgets", "create", "--tenant", "acme", "--limit", "0.80", "--period", "total"]).await;
    let mut sessions = Vec::new();
    // 0.08 dollars each, and less tokens than the call has bytes: no provider counts more.
    for _ in 0..12 {
        sessions.push(tenant.start(&costing(40_000)).await);
    }
    let mut spent = 0.0;
    for session in &sessions {
        spent += tenant.finish(session).await["total_cost_usd"].as_f64().unwrap();
    }
    let standing = || async {
        let listed: Value = serde_json::from_str(&server.command(&["budgets", "list", "--json"]).await).unwrap();
        (listed["data"][0]["held_usd"] == "0").then(|| listed["data"][0]["spent_usd"].as_str().unwrap().to_owned())
    };
    let told: f64 = eventually(standing).await.parse().unwrap();
    assert!((told - spent).abs() < 1e-9, "{told} {spent}");
    assert!((0.4..=0.8).contains(&told), "{told}");
}

#[tokio::test]
async fn a_crash_in_the_middle_of_spending_leaves_a_budget_unpassed_and_nothing_held() {
    let mut server = Server::start_with(&[("agent.max_output_tokens", "5000")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["budgets", "create", "--tenant", "acme", "--limit", "1", "--period", "total"]).await;
    assert_eq!(tenant.run(&costing(200_000)).await["total_cost_usd"], 0.4);
    // A call that stands still in the middle of its answer, with what it may still cost held.
    let usage = json!({"input_tokens": 1_000, "output_tokens": 9});
    let stall = script(&json!({"usage": usage, "chunks": 4, "stall_after_chunks": 2}));
    tenant.start(&json!({"prompt": stall, "model": "claude-sonnet-5-5"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent == 2)).await;
    let list = async |server: &Server| -> Value {
        let listed: Value = serde_json::from_str(&server.command(&["budgets", "list", "--json"]).await).unwrap();
        listed["data"][0].clone()
    };
    assert_ne!(list(&server).await["held_usd"], "0");
    server.kill().await;
    let held = list(&server).await["held_usd"].as_str().unwrap().parse::<f64>().unwrap();
    server.start_again().await;
    let tenant = tenant.at(&server);
    let after = list(&server).await;
    assert_eq!(after["held_usd"], "0", "a crash holds money for ever");
    let spent = after["spent_usd"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((spent - 0.4 - held).abs() < 1e-9, "what was held was not charged: {spent} {held}");
    let calls: Value =
        serde_json::from_str(&server.command(&["calls", "list", "--estimated", "--json"]).await).unwrap();
    let id = calls["data"][0]["id"].as_str().unwrap();
    server.command(&["calls", "correct", id, "--cost", "0.01", "--reason", "the invoice says so"]).await;
    assert_eq!(list(&server).await["spent_usd"], "0.41");
    // What is left is spent to the end, by many at once, and not passed.
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(tenant.start(&costing(40_000)).await);
    }
    for session in &sessions {
        tenant.finish(session).await;
    }
    let spent = list(&server).await["spent_usd"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((0.7..=1.0).contains(&spent), "{spent}");
}

/// A way to the model through the socket of a session that runs, as a tool in its sandbox has it.
async fn way_to_the_model(server: &Server, tenant: &Tenant) -> reqwest::Client {
    // It goes on, and holds next to nothing: others would wait for what it holds.
    let long = json!({"prompt": "Please count from 1 to 100000", "model": "claude-haiku-5-5"});
    let session = tenant.start(&long).await;
    tenant.status_when(&session, |status| status["status"] == "running").await;
    let socket = server.data.path().join(format!("sandboxes/{session}-1/sockets/model.sock"));
    reqwest::Client::builder().no_proxy().unix_socket(socket).build().unwrap()
}

/// Two hundred calls at once, each of 44 million nano-dollars. Answers each call's status, as it comes; 0 when it broke.
fn two_hundred(client: &reqwest::Client) -> JoinSet<(u16, String)> {
    let usage = json!({"input_tokens": 1_000, "output_tokens": 2_000});
    let call = json!({
        "model": "claude-opus-5-5", "max_tokens": 4_096,
        "messages": [{"role": "user", "content": script(&json!({"usage": usage}))}],
    });
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let request = client.post("http://gateway/v1/messages").header("connection", "close").json(&call);
        calls.spawn(async move {
            loop {
                match request.try_clone().unwrap().send().await {
                    Ok(response) => return (response.status().as_u16(), response.text().await.unwrap_or_default()),
                    // One that waited for its request made room for another: the call was not made, and is made again.
                    Err(error) if error.is_request() && !error.is_connect() => {}
                    Err(_) => return (0, String::new()),
                }
            }
        });
    }
    calls
}

#[tokio::test]
async fn two_hundred_calls_a_crash_and_two_hundred_more_spend_a_budget_and_do_not_pass_it() {
    let fast = [("per_minute", "100000"), ("burst", "10000")];
    let settings = ["session_messages", "tenant_messages"]
        .iter()
        .flat_map(|class| fast.iter().map(move |(name, value)| (format!("rates.{class}.{name}"), *value)))
        .collect::<Vec<_>>();
    let mut settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    settings.push(("agent.max_output_tokens", "4096"));
    let mut server = Server::start_with(&settings).await;
    let tenant = server.tenant("acme").await;
    server.command(&["budgets", "create", "--tenant", "acme", "--limit", "5", "--period", "total"]).await;
    let mut calls = two_hundred(&way_to_the_model(&server, &tenant).await);
    for _ in 0..30 {
        let (status, told) = calls.join_next().await.unwrap().unwrap();
        assert_eq!(status, 200, "{told}");
    }
    server.kill().await;
    while calls.join_next().await.is_some() {}
    server.start_again().await;
    let tenant = tenant.at(&server);
    let mut calls = two_hundred(&way_to_the_model(&server, &tenant).await);
    let mut refused = 0;
    while let Some(answer) = calls.join_next().await {
        let (status, told) = answer.unwrap();
        if status != 200 {
            refused += 1;
            assert!(status == 429 && told.contains("billing_error"), "{status} {told}");
        }
    }
    assert!(refused > 0, "the budget was not met");
    let settled = async || {
        let listed: Value = serde_json::from_str(&server.command(&["budgets", "list", "--json"]).await).unwrap();
        let calls: Value =
            serde_json::from_str(&server.command(&["calls", "list", "--json", "--limit", "1000"]).await).unwrap();
        let is_open = |call: &Value| call["status"] == "open" && call["model"] == "claude-opus-5-5";
        let open = calls["data"].as_array().unwrap().iter().any(is_open);
        (!open).then(|| listed["data"][0]["spent_usd"].as_str().unwrap().parse::<f64>().unwrap())
    };
    let spent = eventually(settled).await;
    assert!((4.75..=5.0).contains(&spent), "{spent}");
}
