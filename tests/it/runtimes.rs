//! Which OCI runtime a tenant's sandboxes run with.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::Server;

#[tokio::test]
async fn a_tenant_has_its_own_runtime_and_one_the_engine_lacks_is_told() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", r#"runtime="runc""#]).await;
    assert_eq!(tenant.run(&json!({"prompt": "Hi"})).await["status"], "completed");

    // One of containerd's shims, which Docker does not list; that it has no such one it says itself.
    server.command(&["limits", "set", "acme", r#"runtime="io.containerd.no-such.v1""#]).await;
    assert_eq!(tenant.run(&json!({"prompt": "Hi"})).await["status"], "error");
    assert!(server.log().contains("io.containerd.no-such.v1"), "Docker was not asked for it");

    // The command beside the server has no engine to ask, so that the session is told.
    server.command(&["limits", "set", "acme", r#"runtime="no-such-runtime""#]).await;
    let status = tenant.run(&json!({"prompt": "Hi"})).await;
    let error = status["error"].as_str().unwrap();
    assert!(error.contains("no runtime `no-such-runtime`") && error.contains("operator"), "{error}");

    let url = format!("{}/admin/v1/tenants/{}/limits", server.operator_url, tenant.id);
    let key = server.operator_key.as_deref().unwrap();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
    let put = http.request(Method::PUT, url).header("x-api-key", key);
    let answer = put.json(&json!({"runtime": "no-such-runtime"})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let said: Value = answer.json().await.unwrap();
    let message = said["error"]["message"].as_str().unwrap();
    assert!(message.contains("no runtime `no-such-runtime`; it has: ") && message.contains("runc"), "{message}");
}
