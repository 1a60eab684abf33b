//! What operators do to tenants, and how it shows to them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Server, Tenant, eventually, script, tool_results};

impl Server {
    /// A call of the admin API, with the operators' key.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/admin/v1{path}", self.operator_url);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let key = self.operator_key.as_ref().unwrap();
        let response = http.request(method, url).header("x-api-key", key).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

async fn refusal(tenant: &Tenant, body: &Value) -> (u16, String) {
    let (status, answer) = tenant.execute(body).await;
    (status.as_u16(), answer["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_suspended_tenant_begins_nothing_and_sees_what_it_has() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let running = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    let path = format!("/tenants/{}", tenant.id);
    let (status, view) = server.admin(Method::POST, &format!("{path}/suspend"), &json!({"stop_running": true})).await;
    assert_eq!((status, &view["state"]), (200, &json!("suspended")));
    assert_eq!(tenant.status(&running).await["status"], "cancelled");
    let (status, detail) = refusal(&tenant, &json!({"prompt": "x"})).await;
    assert!(status == 403 && detail.contains("suspended"), "{status} {detail}");
    assert_eq!(server.admin(Method::POST, &format!("{path}/resume"), &json!({})).await.0, 200);
    assert_eq!(tenant.run(&json!({"prompt": "Say hello"})).await["status"], "completed");

    server.command(&["tenants", "suspend", "acme"]).await;
    assert_eq!(
        refusal(&tenant, &json!({"prompt": "x"})).await.0,
        403,
        "the command line's word does not count at once"
    );
    assert_eq!(server.admin(Method::DELETE, &path, &json!({})).await.0, 204);
    assert_eq!(tenant.get("/sessions/").await.0.as_u16(), 401);
    assert_eq!(server.admin(Method::GET, &path, &json!({})).await.0, 404);
}

#[tokio::test]
async fn a_tenant_s_own_limits_hold_for_what_it_begins() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let limits = json!({
        "max_running": 1, "max_waiting": 1, "max_turns": 2, "pids": 100,
        "models": ["claude-haiku-4-5", "claude-sonnet-5-5"], "permission_modes": ["bypassPermissions"],
    });
    let path = format!("/tenants/{}/limits", tenant.id);
    assert_eq!(server.admin(Method::PUT, &path, &json!({"max_runing": 1})).await.0, 422);
    let (status, view) = server.admin(Method::PUT, &path, &limits).await;
    assert_eq!((status, &view["limits"]), (200, &limits));

    let free = |prompt: &str| json!({"prompt": prompt, "permission_mode": "bypassPermissions"});
    let (status, detail) = refusal(&tenant, &json!({"prompt": "x"})).await;
    assert!(status == 400 && detail.contains("`default` is not allowed"), "{status} {detail}");
    let opus = json!({"prompt": "x", "model": "claude-opus-5-5", "permission_mode": "bypassPermissions"});
    assert!(refusal(&tenant, &opus).await.1.contains("claude-haiku-4-5, claude-sonnet-5-5"));

    let mut many = free(&script(&json!({"turns": 5})));
    many["max_turns"] = json!(50);
    let (_, answer) = tenant.execute(&many).await;
    assert_eq!(answer["limits"]["max_turns"], 2, "it gets less than it asked for, and is not told: {answer}");
    let status = tenant.finish(answer["session_id"].as_str().unwrap()).await;
    assert_eq!(status["error"], "Reached maximum number of turns (2)");
    let look = script(&json!({"tools": [{"name": "Bash", "input": {"command":
        "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true"}}]}));
    assert_eq!(tool_results(&tenant.run(&free(&look)).await), ["100"]);

    let running = tenant.start(&free("Please count from 1 to 1000")).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 2)).await;
    let waiting = tenant.start(&free("Say hello")).await;
    let (status, detail) = refusal(&tenant, &free("one too many")).await;
    assert!(status == 429 && detail.contains("1 sessions are waiting already"), "{status} {detail}");
    tenant.cancel(&running).await;
    assert_eq!(tenant.finish(&waiting).await["status"], "completed");
}

#[tokio::test]
async fn a_key_is_rotated_with_an_overlap_and_revoked_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (_, keys) = server.admin(Method::GET, &format!("/tenants/{}/keys", tenant.id), &json!({})).await;
    let old = keys["data"][0]["id"].as_str().unwrap().to_owned();
    assert!(!keys.to_string().contains("hash"), "{keys}");
    let (status, issued) =
        server.admin(Method::POST, &format!("/keys/{old}/rotate"), &json!({"overlap_hours": 1})).await;
    assert_eq!(status, 201, "{issued}");
    let (new, key) = (issued["id"].as_str().unwrap(), issued["key"].as_str().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let opens = async |key: &str| {
        let request = http.get(format!("{}/sessions/", server.url)).header("x-api-key", key);
        request.send().await.unwrap().status().as_u16() == 200
    };
    assert!(opens(&tenant.key).await && opens(key).await);
    assert_eq!(server.admin(Method::DELETE, &format!("/keys/{old}"), &json!({})).await.0, 204);
    assert!(!opens(&tenant.key).await, "a revoked key opens something");
    assert!(opens(key).await);
    assert_eq!(server.admin(Method::DELETE, "/keys/nothing", &json!({})).await.0, 404);
    let listed = server.command(&["keys", "list", "--tenant", "acme"]).await;
    assert!(listed.contains(&old) && listed.contains(new), "{listed}");
}

#[tokio::test]
async fn a_key_revoked_beside_the_server_opens_nothing_soon_and_its_last_use_is_told() {
    let mut server = Server::start().await;
    let tenant = server.tenant("acme").await;
    assert_eq!(tenant.get("/sessions/").await.0.as_u16(), 200);
    let id = tenant.key.split('_').nth(2).unwrap().to_owned();
    server.command(&["keys", "revoke", &id]).await;
    eventually(async || (tenant.get("/sessions/").await.0.as_u16() == 401).then_some(())).await;
    server.end().await;
    let listed: Value =
        serde_json::from_str(&server.command(&["keys", "list", "--tenant", "acme", "--json"]).await).unwrap();
    assert!(listed["data"][0]["last_used_at"].is_string(), "{listed}");
    let audit = server.command(&["audit", "--action", "key.revoke"]).await;
    assert!(audit.contains(&id) && audit.contains("uid:") && audit.contains("revoked_at"), "{audit}");
}

#[tokio::test]
async fn a_session_asks_for_less_and_is_told_what_it_got() {
    let server = Server::start_with(&[("session.max_running", "1")]).await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "pids=200"]).await;
    let free = |prompt: &str, limits: Value| json!({"prompt": prompt, "permission_mode": "bypassPermissions", "limits": limits});
    for (limits, word) in [(json!({"pids": 1}), "pids must be"), (json!({"pid": 50}), "unknown field `pid`")] {
        let (status, answer) = tenant.execute(&free("x", limits)).await;
        assert!(status.is_client_error() && answer.to_string().contains(word), "{status} {answer}");
    }
    let look = script(&json!({"tools": [{"name": "Bash", "input": {"command":
        "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true"}}]}));
    let asked = json!({"pids": 100_000, "memory_bytes": 1_073_741_824, "max_cost_usd": "2"});
    let (status, answer) = tenant.execute(&free(&look, asked)).await;
    assert_eq!(status.as_u16(), 200, "{answer}");
    assert_eq!((&answer["limits"]["pids"], &answer["limits"]["max_cost_usd"]), (&json!(200), &json!("2")));
    assert_eq!(answer["limits"]["memory_bytes"], 1_073_741_824);
    let done = tenant.finish(answer["session_id"].as_str().unwrap()).await;
    assert_eq!(tool_results(&done), ["200"]);
    assert_eq!(done["limits"]["pids"], 200);

    let (_, answer) = tenant.execute(&free("Say hello", json!({"max_cost_usd": "0.000001"}))).await;
    let session = answer["session_id"].as_str().unwrap();
    let poor = tenant.finish(session).await;
    assert!(poor["error"].as_str().unwrap().contains("the session's budget is $0.000001 in total"), "{poor}");
    let more = json!({"prompt": "Say hello", "resume_session_id": session, "limits": {"max_cost_usd": "5"}});
    assert_eq!(tenant.execute(&more).await.0.as_u16(), 200);
    assert_eq!(tenant.finish(session).await["status"], "completed");
}

#[tokio::test]
async fn who_waits_sees_where_it_stands_and_a_flood_does_not_delay_another_tenant() {
    let server = Server::start_with(&[("session.max_running", "1")]).await;
    let (many, one) = (server.tenant("many").await, server.tenant("one").await);
    let running = many.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 2)).await;
    let mut flood = Vec::new();
    for _ in 0..5 {
        flood.push(many.start(&json!({"prompt": "Please count from 1 to 1000"})).await);
    }
    let single = one.start(&json!({"prompt": "Say hello"})).await;
    assert_eq!(many.status(&flood[4]).await["queue"]["position"], 6);
    assert_eq!(one.status(&single).await["queue"]["position"], 2);
    assert!(many.status(&running).await["queue"].is_null());
    many.cancel(&running).await;
    many.status_when(&flood[0], |status| status["status"] == "running").await;
    many.cancel(&flood[0]).await;
    assert_eq!(one.finish(&single).await["status"], "completed");
    assert_eq!(many.status(&flood[4]).await["status"], "pending", "the flood went first");
}

#[tokio::test]
async fn a_tenant_has_the_tools_and_the_image_it_is_given() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", r#"tools=["Read"]"#, r#"images=["innkeeper-sandbox:latest"]"#]).await;
    let free = |prompt: &str| json!({"prompt": prompt, "permission_mode": "bypassPermissions"});
    let look = script(&json!({"tools": [{"name": "Bash", "input": {"command": "echo escaped"}}]}));
    let results = tool_results(&tenant.run(&free(&look)).await);
    assert!(!results.iter().any(|result| result == "escaped"), "a tool that is not allowed ran: {results:?}");
    let (status, detail) = refusal(&tenant, &json!({"prompt": "x", "allowed_tools": ["Bash"]})).await;
    assert!(status == 400 && detail.contains("`Bash` is not allowed"), "{status} {detail}");
    let (status, detail) = refusal(&tenant, &json!({"prompt": "x", "image": "debian"})).await;
    assert!(status == 400 && detail.contains("`debian` is not allowed"), "{status} {detail}");
    server.command(&["limits", "set", "acme", r#"images=["no-such-image"]"#]).await;
    let unmade = tenant.run(&free("Say hello")).await;
    assert!(unmade["error"].as_str().unwrap().contains("the operator's log says why"), "{unmade}");
    assert!(server.log().contains("the sandbox image `no-such-image` is missing"), "{}", server.log());
}
