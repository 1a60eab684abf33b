//! The server's own ends and starts: what was finished stays, what was not is ended and says why.

use serde_json::json;

use crate::harness::{Server, bash, eventually, last_words, sandboxes};

#[tokio::test]
async fn finished_sessions_are_there_after_a_restart_and_can_be_resumed() {
    let mut server = Server::start().await;
    assert!(server.operator_key.is_some(), "the first start makes the operators' key");
    let tenant = server.tenant("acme").await;
    let before = tenant.run(&json!({"prompt": "My favourite bird is the heron"})).await;
    let session = before["session_id"].as_str().unwrap();
    server.end().await;
    server.start_again().await;
    let tenant = tenant.at(&server);
    assert_eq!(tenant.status(session).await, before);
    assert_eq!(tenant.get("/sessions/").await.1.as_array().unwrap().len(), 1);
    tenant.execute(&json!({"prompt": "What did I say before?", "resume_session_id": session})).await;
    assert!(last_words(&tenant.finish(session).await).contains("heron"));
}

#[tokio::test]
async fn a_crash_ends_what_ran_and_leaves_no_sandbox() {
    let mut server = Server::start_with(&[("session.max_running", "1")]).await;
    let tenant = server.tenant("acme").await;
    let running = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 2)).await;
    let waiting = tenant.start(&json!({"prompt": "Say hello"})).await;
    server.kill().await;
    assert_eq!(sandboxes(&running).await.len(), 1);
    server.start_again().await;
    let tenant = tenant.at(&server);
    assert!(sandboxes(&running).await.is_empty(), "a sandbox outlived the server that knew it");
    let status = tenant.status(&running).await;
    assert_eq!(status["status"], "error");
    assert!(status["error"].as_str().unwrap().contains("resume the session"), "{}", status["error"]);
    assert_eq!(tenant.finish(&waiting).await["status"], "completed", "what waited was lost");
    let ledger = server.ledger(&tenant, &running).await;
    assert!(ledger.iter().all(|entry| entry.status != "open"), "a call stays open for ever: {ledger:?}");
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_finishes_what_runs_and_takes_nothing_new() {
    let mut server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let prompt = bash("touch began; while [ ! -e go ]; do sleep 0.05; done; touch done");
    let session = tenant.start(&json!({"prompt": prompt, "permission_mode": "bypassPermissions"})).await;
    eventually(async || tenant.root.join("began").exists().then_some(())).await;
    let go = async {
        let refused = async || {
            let (status, _) = tenant.execute(&json!({"prompt": "x"})).await;
            (status.as_u16() == 503).then_some(())
        };
        eventually(refused).await;
        std::fs::write(tenant.root.join("go"), "").unwrap();
    };
    let ended = async { server.end().await };
    tokio::join!(ended, go);
    assert!(tenant.root.join("done").exists());
    server.start_again().await;
    assert_eq!(tenant.at(&server).status(&session).await["status"], "completed");
}
