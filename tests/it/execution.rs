//! A session from the request to the answer: what its tenant sees, and what its turn is told to the agent.

use std::collections::{BTreeMap, BTreeSet};

use innkeeper::agent::refused_env;
use serde_json::{Value, json};

use crate::harness::{PLAIN_PROMPT, Server, bash, docker, last_words, script, tool_results};
use crate::machine::sandbox_image;

/// The keys of an object, in their order.
fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_plain_answer_is_three_messages_and_a_result() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (_, started) = tenant.execute(&json!({"prompt": PLAIN_PROMPT})).await;
    let session = started["session_id"].as_str().unwrap();
    assert_eq!(
        started,
        json!({"session_id": session, "status": "pending", "message": format!("Session {session} started successfully")})
    );

    let status = tenant.finish(session).await;
    let fields = ["session_id", "status", "messages", "result", "answer", "error", "duration_ms", "total_cost_usd"];
    assert_eq!(keys(&status), fields);
    assert_eq!((&status["status"], &status["error"]), (&json!("completed"), &Value::Null));
    let kinds: Vec<_> = status["messages"].as_array().unwrap().iter().map(|message| &message["type"]).collect();
    assert_eq!(kinds, ["SystemMessage", "AssistantMessage", "ResultMessage"]);
    let [init, answer, result] = status["messages"].as_array().unwrap().as_slice() else { unreachable!() };
    assert_eq!(init["content"]["subtype"], "init");
    assert_eq!(init["content"]["data"]["cwd"], "/workspace");
    assert_eq!(keys(answer), ["type", "content", "timestamp"]);
    assert_eq!(keys(&answer["content"]), ["content", "model", "parent_tool_use_id", "error"]);
    assert_eq!(keys(&answer["content"]["content"][0]), ["text"]);
    assert!(answer["timestamp"].as_str().unwrap().ends_with("+00:00"), "{answer}");
    assert_eq!(
        keys(&result["content"]),
        [
            "subtype",
            "duration_ms",
            "duration_api_ms",
            "is_error",
            "num_turns",
            "session_id",
            "total_cost_usd",
            "usage",
            "result",
            "structured_output"
        ]
    );
    assert_eq!(keys(&status["result"]), ["session_id", "num_turns", "duration_ms", "total_cost_usd", "usage"]);
    assert_eq!(status["result"]["session_id"], session);
    assert_eq!(status["total_cost_usd"], status["result"]["total_cost_usd"]);
    assert!(status["total_cost_usd"].as_f64().unwrap() > 0.0);
    assert!(last_words(&status).starts_with("[scripted answer]"), "{status}");
}

#[tokio::test]
async fn the_list_shows_a_tenant_s_sessions_oldest_first() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let one = tenant.run(&json!({"prompt": "  one  "})).await;
    let two = tenant.run(&json!({"prompt": script(&json!({"status": 400, "error_message": "no such thing"}))})).await;
    let (_, list) = tenant.get("/sessions/").await;
    assert_eq!(
        keys(&list[0]),
        [
            "session_id",
            "status",
            "prompt",
            "created_at",
            "start_time",
            "end_time",
            "error",
            "result",
            "message_count",
            "claude_session_id"
        ]
    );
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!((&list[0]["session_id"], &list[1]["session_id"]), (&one["session_id"], &two["session_id"]));
    assert_eq!((&list[0]["status"], &list[0]["prompt"]), (&json!("completed"), &json!("one")));
    assert_eq!(list[0]["claude_session_id"], one["session_id"]);
    assert_eq!(list[0]["message_count"], one["messages"].as_array().unwrap().len());
    assert_eq!(list[1]["status"], "error");
    assert!(list[1]["error"].as_str().unwrap().contains("no such thing"), "{list}");
    for time in ["created_at", "start_time", "end_time"] {
        assert!(list[1][time].as_str().unwrap().ends_with("+00:00"), "{time}: {list}");
    }
}

#[tokio::test]
async fn another_tenant_s_session_does_not_exist() {
    let server = Server::start().await;
    let (acme, rival) = (server.tenant("acme").await, server.tenant("rival").await);
    let session = acme.start(&json!({"prompt": "Count from 1 to 1000"})).await;
    let not_found = json!({"detail": format!("Session {session} not found")});
    for (status, body) in [
        rival.get(&format!("/status/{session}")).await,
        rival.cancel(&session).await,
        rival.delete(&format!("/sessions/{session}")).await,
    ] {
        assert_eq!((status.as_u16(), &body), (404, &not_found));
    }
    let (status, body) = rival.execute(&json!({"prompt": "x", "resume_session_id": session})).await;
    assert_eq!((status.as_u16(), &body), (400, &json!({"detail": format!("Session {session} not found.")})));
    assert_eq!(rival.get("/sessions/").await.1, json!([]));
    assert_eq!(rival.delete("/sessions/cleanup?max_age_hours=0").await.1["removed"], 0);
    assert_eq!(acme.cancel(&session).await.0.as_u16(), 200);
}

#[tokio::test]
async fn what_a_request_asks_for_reaches_the_model() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let status = tenant
        .run(&json!({
            "prompt": PLAIN_PROMPT,
            "model": "claude-opus-5-5",
            "system_prompt": format!("You are a heron. {}", "x".repeat(200_000)),
            "allowed_tools": ["Read", "Bash(git log:*)"],
            "disallowed_tools": ["WebFetch", "Write"],
            "permission_mode": "plan",
        }))
        .await;
    assert_eq!(status["status"], "completed", "{status}");
    let received = server.stand_in.received();
    let call = received.iter().find(|call| call.path.starts_with("/v1/messages")).unwrap().json();
    assert_eq!(call["model"], "claude-opus-5-5");
    assert!(call["system"].to_string().contains("You are a heron."), "{}", call["system"]);
    let tools: Vec<_> = call["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(!tools.contains(&"WebFetch") && !tools.contains(&"Write"), "{tools:?}");
    assert_eq!(status["messages"][0]["content"]["data"]["permissionMode"], "plan");
}

#[tokio::test]
async fn a_tool_runs_only_as_far_as_the_mode_and_the_lists_allow() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let write = script(&json!({"tools": [{"name": "Bash", "input": {"command": "touch made"}}]}));
    tenant.run(&json!({"prompt": write})).await;
    assert!(!tenant.root.join("made").exists(), "a tool ran that nobody allowed");
    tenant.run(&json!({"prompt": write, "allowed_tools": ["Bash(touch made)"]})).await;
    assert!(tenant.root.join("made").exists(), "a tool did not run that was allowed");
}

#[tokio::test]
async fn the_turns_of_a_request_are_a_limit() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let status = tenant
        .run(&json!({
            "prompt": script(&json!({"turns": 5})),
            "permission_mode": "bypassPermissions",
            "max_turns": 2,
        }))
        .await;
    assert_eq!(status["status"], "error");
    assert_eq!(status["error"], "Reached maximum number of turns (2)");
    assert!(status["total_cost_usd"].as_f64().unwrap() > 0.0, "what was spent is not shown: {status}");
}

#[tokio::test]
async fn an_environment_reaches_the_tools_but_not_the_agent_s_way_to_the_model() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let body = json!({
        "prompt": bash("echo $GREETING $NODE_ENV $ENV $AWS_REGION $DISABLE_SPRING $TZ; date +%H -d @0"),
        "permission_mode": "bypassPermissions",
        "env": {"GREETING": "ahoi", "NODE_ENV": "test", "ENV": "staging", "AWS_REGION": "eu-central-1", "DISABLE_SPRING": "1",
            "TZ": "Asia/Tokyo"},
    });
    assert_eq!(tool_results(&tenant.run(&body).await), ["ahoi test staging eu-central-1 1 Asia/Tokyo\n09"]);

    for name in ["ANTHROPIC_BASE_URL", "LD_PRELOAD", "IS_SANDBOX", "NODE_OPTIONS", "https_proxy", "CLAUDE_CONFIG_DIR"] {
        let env = BTreeMap::from([("OK", "1"), (name, "x")]);
        let (status, body) = tenant.execute(&json!({"prompt": "x", "env": env})).await;
        assert_eq!(status.as_u16(), 400, "{name} was taken");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(name) && !detail.contains("OK"), "{detail}");
    }
}

/// Names with a common beginning are refused one by one, and another version of the agent may read others.
#[tokio::test]
async fn what_the_agent_reads_of_common_names_is_refused() {
    let search = r#"LC_ALL=C grep --text --only-matching --extended-regexp 'env\.DISABLE_[A-Z_]+|"DISABLE_[A-Z_]+"' /usr/local/bin/claude"#;
    let search = format!("{search} | sort --unique");
    let image = sandbox_image();
    let found = docker(&["run", "--rm", "--network=none", "--entrypoint=/bin/sh", &image, "-c", &search]).await;
    let names: BTreeSet<_> = found.lines().map(|line| line.trim_start_matches("env.").trim_matches('"')).collect();
    assert!(names.contains("DISABLE_TELEMETRY") && names.len() > 15, "{names:?}");
    let env: BTreeMap<_, _> = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
    let refused: BTreeSet<_> = refused_env(&env).into_iter().map(|refused| refused.name).collect();
    let taken: Vec<_> = names.iter().filter(|name| !refused.contains(**name)).collect();
    assert!(taken.is_empty(), "the agent reads {taken:?}: add them to src/agent/names.rs");
}

#[tokio::test]
async fn half_an_emoji_and_a_message_of_two_megabytes_are_shown() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let emoji = "head -c 2000000 /dev/zero | tr '\\0' '\\n' | sed 's/$/😀/' | head -c 120001";
    let status = tenant.run_freely(&bash(emoji)).await;
    assert_eq!(status["status"], "completed", "{status}");
    let long = script(&json!({"text": "abcdefgh", "repeat_bytes": 2_000_000}));
    let status = tenant.run(&json!({"prompt": long})).await;
    assert_eq!(status["status"], "completed");
    assert!(last_words(&status).len() >= 2_000_000);
}

#[tokio::test]
async fn a_prompt_with_a_slash_is_a_prompt() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let status = tenant.run(&json!({"prompt": "/clear the table"})).await;
    assert!(last_words(&status).contains("/clear the table"), "{}", last_words(&status));
}

#[tokio::test]
async fn ten_sessions_of_two_tenants_are_not_mixed_up() {
    let server = Server::start().await;
    let tenants = [server.tenant("acme").await, server.tenant("rival").await];
    let mut started = Vec::new();
    for number in 0..10 {
        let tenant = &tenants[number % 2];
        let prompt = bash(&format!("echo {number} >> numbers; echo said-{number}"));
        let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions"});
        started.push((tenant, number, tenant.start(&body).await));
    }
    for (tenant, number, session) in &started {
        let status = tenant.finish(session).await;
        assert_eq!(status["status"], "completed", "{status}");
        assert_eq!(tool_results(&status), [format!("said-{number}")]);
    }
    for (tenant, numbers) in tenants.iter().zip(["02468", "13579"]) {
        let mut written: Vec<_> =
            std::fs::read_to_string(tenant.root.join("numbers")).unwrap().lines().map(str::to_owned).collect();
        written.sort();
        assert_eq!(written.concat(), numbers);
    }
}
