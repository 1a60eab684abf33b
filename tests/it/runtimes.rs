//! Which OCI runtime a tenant's sandboxes run with.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, bash, docker, eventually, sandboxes};

#[tokio::test]
async fn a_tenant_has_its_own_runtime_and_one_the_engine_lacks_is_told() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    // Named by another of its names than the default one, so that it is seen to be asked for.
    server.command(&["limits", "set", "acme", r#"runtime="io.containerd.runc.v2""#]).await;
    let body = json!({"prompt": bash("sleep 60"), "permission_mode": "bypassPermissions"});
    let session = tenant.start(&body).await;
    let sandbox = eventually(async || sandboxes(&session).await.pop()).await;
    let used = docker(&["inspect", "--format", "{{.HostConfig.Runtime}}", &sandbox]).await;
    assert_eq!(used.trim(), "io.containerd.runc.v2");
    tenant.status_when(&session, |status| status["status"] == "running").await;
    tenant.cancel(&session).await;

    // The command beside the server has no engine to ask, so that the session is told.
    server.command(&["limits", "set", "acme", r#"runtime="no-such-runtime""#]).await;
    let status = tenant.run(&json!({"prompt": "Hi"})).await;
    let error = status["error"].as_str().unwrap();
    assert!(error.contains("no runtime `no-such-runtime`") && error.contains("operator"), "{error}");

    let url = format!("{}/admin/v1/tenants/{}/limits", server.operator_url, tenant.id);
    let key = server.operator_key.as_deref().unwrap();
    let put = reqwest::Client::new().request(Method::PUT, url).header("x-api-key", key);
    let answer = put.json(&json!({"runtime": "no-such-runtime"})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let said: Value = answer.json().await.unwrap();
    let message = said["error"]["message"].as_str().unwrap();
    assert!(message.contains("no runtime `no-such-runtime`; it has: ") && message.contains("runc"), "{message}");
}
