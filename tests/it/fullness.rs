//! What a workspace may hold, and what a session over it is told.

use serde_json::json;

use crate::harness::{Server, bash, eventually, sandboxes, tool_results};

#[tokio::test]
async fn a_session_that_fills_its_workspace_is_stopped_with_the_reason_and_another_is_not_begun_there() {
    let server = Server::start_with(&[("sandbox.workspace_check_ms", "50")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "workspace_bytes=20000000"]).await;
    // It goes on until it is stopped, in files of a megabyte, far below each other.
    let fill = "mkdir -p a/b/c; i=0; while true; do i=$((i+1)); head -c 1000000 /dev/zero > a/b/c/$i; done";
    let body = json!({"prompt": bash(fill), "permission_mode": "bypassPermissions"});
    let session = tenant.start(&body).await;
    let status = tenant.finish(&session).await;
    let error = status["error"].as_str().unwrap();
    let (holds, most) = error.split_once(" bytes, more than the 20000000 it may; the turn was stopped").unwrap();
    let holds: u64 = holds.strip_prefix("The workspace holds ").unwrap().parse().unwrap();
    assert!(holds > 20_000_000 && most.is_empty(), "{error}");
    eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;

    let again = tenant.run_freely(&bash("touch begun")).await;
    assert!(again["error"].as_str().unwrap().starts_with("The workspace holds "), "{again}");
    assert!(!tenant.root.join("begun").exists());
    std::fs::remove_dir_all(tenant.root.join("a")).unwrap();
    let status = tenant.run_freely(&bash("touch begun; echo done")).await;
    assert_eq!((status["status"].as_str(), tool_results(&status)), (Some("completed"), vec!["done".to_owned()]));
}

#[tokio::test]
async fn a_session_may_ask_for_less_room_and_a_disk_that_is_nearly_full_takes_none() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    std::fs::write(tenant.root.join("large"), vec![1; 3 << 20]).unwrap();
    let status = tenant.run(&json!({"prompt": "Hi", "limits": {"workspace_bytes": 1_000_000}})).await;
    let error = status["error"].as_str().unwrap();
    assert!(error.ends_with("bytes, more than the 1000000 it may; the turn was stopped"), "{error}");
    assert_eq!(tenant.run(&json!({"prompt": "Hi"})).await["status"], "completed");

    let server = Server::start_with(&[("sandbox.min_free_bytes", "9000000000000000000")]).await;
    let tenant = server.tenant("acme").await;
    let error = tenant.run(&json!({"prompt": "Hi"})).await["error"].as_str().unwrap().to_owned();
    assert!(error.contains("bytes left, fewer than the 9000000000000000000 that must stay free"), "{error}");
}
