//! Cancelling: whatever a session is doing, it ends, and says so once.

use serde_json::{Value, json};

use crate::harness::{Server, bash, eventually, sandboxes, script};

fn cancelled(session: &str) -> Value {
    json!({
        "session_id": session, "status": "cancelled", "message": format!("Session {session} cancelled successfully"),
    })
}

#[tokio::test]
async fn a_session_that_streams_is_cancelled_and_its_sandbox_removed() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 2)).await;
    let (status, body) = tenant.cancel(&session).await;
    assert_eq!((status.as_u16(), &body), (200, &cancelled(&session)));

    let status = tenant.status(&session).await;
    assert_eq!((&status["status"], &status["error"]), (&json!("cancelled"), &json!("Session was cancelled")));
    assert_eq!(status["result"], Value::Null);
    let (status, body) = tenant.cancel(&session).await;
    let detail = format!("Session {session} is not running (status: SessionStatus.CANCELLED)");
    assert_eq!((status.as_u16(), body), (400, json!({"detail": detail})));
    eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_session_is_cancelled_while_it_starts() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&json!({"prompt": "Say hello"})).await;
    let (status, body) = tenant.cancel(&session).await;
    assert_eq!((status.as_u16(), &body), (200, &cancelled(&session)));
    assert_eq!(tenant.status(&session).await["status"], "cancelled");
    eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;
    let status = tenant.run(&json!({"prompt": "Say hello"})).await;
    assert_eq!(status["status"], "completed");
    assert_eq!(tenant.status(&session).await["status"], "cancelled", "its end was written twice");
}

#[tokio::test]
async fn a_session_that_is_cancelled_while_it_starts_gives_its_place_back_at_once() {
    // With graces this long, whoever waits for one of them waits longer than the test does.
    let day = "86400000";
    let settings =
        [("session.max_running", "1"), ("session.interrupt_grace_ms", day), ("session.signal_grace_ms", day)];
    let server = Server::start_with(&settings).await;
    let tenant = server.tenant("acme").await;
    let first = tenant.start(&json!({"prompt": "Say hello"})).await;
    tenant.cancel(&first).await;
    let second = tenant.start(&json!({"prompt": "Say hello"})).await;
    eventually(async || (!sandboxes(&second).await.is_empty()).then_some(())).await;
    tenant.cancel(&second).await;
    let third = tenant.start(&json!({"prompt": "Say hello"})).await;
    assert_eq!(tenant.finish(&third).await["status"], "completed");
}

#[tokio::test]
async fn a_session_is_cancelled_while_it_waits_and_loses_its_place() {
    let server = Server::start_with(&[("session.max_running", "1")]).await;
    let tenant = server.tenant("acme").await;
    let running = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 0)).await;
    let waiting = tenant.start(&json!({"prompt": "zymurgy"})).await;
    let next = tenant.start(&json!({"prompt": "next"})).await;
    assert_eq!(tenant.status(&waiting).await["status"], "pending");
    assert_eq!(tenant.status(&waiting).await["duration_ms"], Value::Null);
    assert_eq!(tenant.cancel(&waiting).await, (reqwest::StatusCode::OK, cancelled(&waiting)));
    assert_eq!(tenant.cancel(&running).await.0.as_u16(), 200);
    assert_eq!(tenant.finish(&next).await["status"], "completed");
    assert_eq!(tenant.status(&waiting).await["status"], "cancelled");
    assert!(!server.stand_in.received().iter().any(|call| call.json().to_string().contains("zymurgy")));
}

#[tokio::test]
async fn a_tool_that_runs_is_ended_with_everything_it_started() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let prompt = bash("(setsid sleep 600 & ) ; touch began; sleep 600");
    let session = tenant.start(&json!({"prompt": prompt, "permission_mode": "bypassPermissions"})).await;
    eventually(async || tenant.root.join("began").exists().then_some(())).await;
    assert_eq!(tenant.cancel(&session).await.0.as_u16(), 200);
    eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;
    assert_eq!(tenant.delete(&format!("/sessions/{session}")).await.0.as_u16(), 200);
}

#[tokio::test]
async fn an_agent_that_does_not_listen_is_killed() {
    let server = Server::start_with(&[("session.interrupt_grace_ms", "50"), ("session.signal_grace_ms", "50")]).await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&json!({"prompt": script(&json!({"stall_after_chunks": 1, "chunks": 5}))})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 0)).await;
    let sandbox = sandboxes(&session).await.remove(0);
    crate::harness::docker(&["pause", &sandbox]).await;
    assert_eq!(tenant.cancel(&session).await.0.as_u16(), 200);
    eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;
}
