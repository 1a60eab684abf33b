//! How much an agent may say, and how fast.

use serde_json::{Value, json};

use crate::harness::{Server, Tenant, last_words, script, tool_results};

/// Bytes of the messages that are kept of a session.
async fn kept_bytes(server: &Server, tenant: &Tenant, session: &str) -> usize {
    server.messages(tenant, session).await.iter().map(|message| message.to_string().len()).sum()
}

fn session_of(status: &Value) -> &str {
    status["session_id"].as_str().unwrap()
}

#[tokio::test]
async fn an_agent_that_says_more_than_it_may_is_stopped_with_the_bound_and_its_session_goes_on() {
    let server = Server::start_with(&[("sandbox.output_bytes", "200000")]).await;
    let tenant = server.tenant("acme").await;
    let rounds = script(&json!({"turns": 500}));
    let status = tenant.run_freely(&rounds).await;
    assert_eq!(status["status"], "error", "{status}");
    assert_eq!(status["error"], "The agent said more than 200000 bytes; it was stopped");
    let kept = kept_bytes(&server, &tenant, session_of(&status)).await;
    assert!(kept <= 200_000, "{kept} bytes are kept");

    let further = json!({"prompt": script(&json!({"text": "still here"})), "resume_session_id": session_of(&status)});
    let status = tenant.run(&further).await;
    assert_eq!((&status["status"], last_words(&status).as_str()), (&json!("completed"), "still here"), "{status}");
}

#[tokio::test]
async fn one_word_that_is_too_long_is_not_kept_and_a_tenant_may_have_less_than_others() {
    let server = Server::start().await;
    let (small, large) = (server.tenant("small").await, server.tenant("large").await);
    server.command(&["limits", "set", "small", "output_bytes=300000"]).await;
    let flood = json!({"prompt": script(&json!({"repeat_bytes": 1_000_000}))});
    let status = large.run(&flood).await;
    assert_eq!(status["status"], "completed");
    assert!(last_words(&status).len() >= 1_000_000);

    let status = small.run(&flood).await;
    assert_eq!(status["error"], "The agent said more than 300000 bytes; it was stopped", "{}", status["status"]);
    let kept = kept_bytes(&server, &small, session_of(&status)).await;
    assert!(kept <= 300_000, "{kept} bytes are kept");

    let (code, refused) = small.execute(&json!({"prompt": "x", "limits": {"output_bytes": 10}})).await;
    assert!(code == 400 && refused.to_string().contains("output_bytes must be at least"), "{code}: {refused}");
}

#[tokio::test]
async fn nothing_is_lost_of_what_an_agent_says_too_fast() {
    let server = Server::start_with(&[("sandbox.output_bytes_per_second", "200000")]).await;
    let tenant = server.tenant("acme").await;
    // Said by the tool's result, by the transcript of it, and by its answer: far more than four seconds may bring.
    let tool = json!({"name": "Bash", "input": {"command": "seq 1 5000 | tr '\\n' ' '"}});
    let prompt = script(&json!({"tools": [tool], "repeat_bytes": 1_000_000, "text": "abcdefghij"}));
    let status = tenant.run_freely(&prompt).await;
    assert_eq!(status["status"], "completed", "{}", status["error"]);
    assert!(tool_results(&status)[0].ends_with("4999 5000"));
    let answer = last_words(&status);
    assert!(answer.len() >= 1_000_000 && answer.chars().filter(|letter| *letter == 'a').count() >= 100_000);
}
