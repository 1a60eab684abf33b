//! Every documented call, with every key that should not open it. A call that is added without saying what it needs fails
//! here.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, Tenant};

/// Calls that are open to everybody.
const OPEN: [&str; 1] = ["/"];

/// What a call that begins something takes; others are content with an empty object.
const BODIES: [(&str, &str); 1] = [("/execute/", r#"{"prompt": "Say hello"}"#)];

/// A call of a document.
struct Call {
    method: Method,
    path: String,
    /// The scopes its key needs one of, if any.
    scopes: Vec<String>,
}

/// The calls of a listener that are not open to everybody.
async fn calls(url: &str) -> Vec<Call> {
    let document: Value = client().get(format!("{url}/openapi.json")).send().await.unwrap().json().await.unwrap();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            if OPEN.contains(&path.as_str()) {
                continue;
            }
            let needs =
                call["security"].as_array().unwrap_or_else(|| panic!("{method} {path} does not say what it needs"));
            let scopes = needs[0].as_object().unwrap().values().next().unwrap().as_array().unwrap();
            calls.push(Call {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                scopes: scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    calls
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Call {
    async fn with(&self, url: &str, key: Option<&str>, id: &str) -> (StatusCode, String) {
        let path = self.path.replace("{session_id}", id).replace("{id}", id);
        let body = BODIES.iter().find(|(path, _)| *path == self.path).map_or("{}", |(_, body)| body);
        let mut request = client().request(self.method.clone(), format!("{url}{path}"));
        request = request.header("content-type", "application/json").body(body.to_owned());
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Server {
    /// A key that opened everything it could until it ended.
    async fn ended_key(&self, owner: &[&str]) -> String {
        let key = self.command(&[&["keys", "create"], owner].concat()).await.trim().to_owned();
        let id = key.split('_').nth(2).unwrap();
        self.command(&["keys", "expire", id, "--at", "2020-01-01T00:00:00Z"]).await;
        key
    }

    async fn scoped_key(&self, tenant: &str, scope: &str) -> String {
        self.command(&["keys", "create", "--tenant", tenant, "--scopes", scope]).await.trim().to_owned()
    }
}

#[tokio::test]
async fn no_call_is_open_to_a_missing_wrong_or_ended_key() {
    // Wrong keys from one address are bounded; this test is about something else.
    let server = Server::start_with(&[("auth.failures.per_minute", "100000"), ("auth.failures.burst", "100000")]).await;
    let tenant = server.tenant("acme").await;
    let operator = server.operator_key.clone().unwrap();
    let ended = server.ended_key(&["--tenant", "acme"]).await;
    let ended_operator = server.ended_key(&["--operator"]).await;
    let mut count = 0;
    for (url, wrong, ended) in [(&server.url, &operator, &ended), (&server.operator_url, &tenant.key, &ended_operator)]
    {
        for call in calls(url).await {
            count += 1;
            for (key, what) in [(None, "no key"), (Some(wrong), "another sort of key"), (Some(ended), "an ended key")] {
                let (status, body) = call.with(url, key.map(String::as_str), "x").await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{} with {what}: {body}", call.name());
            }
        }
    }
    assert!(count > 30, "only {count} calls are documented");
}

#[tokio::test]
async fn no_call_is_open_to_a_key_without_its_scope() {
    let server = Server::start().await;
    server.tenant("acme").await;
    let mut keys = Vec::new();
    for scope in ["sessions:read", "sessions:write", "usage:read"] {
        keys.push((scope, server.scoped_key("acme", scope).await));
    }
    let mut refused = 0;
    for call in calls(&server.url).await {
        for (scope, key) in &keys {
            let (status, body) = call.with(&server.url, Some(key), "x").await;
            if call.scopes.is_empty() || call.scopes.iter().any(|needed| needed == scope) {
                assert_ne!(status, StatusCode::FORBIDDEN, "{} with {scope}: {body}", call.name());
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{} with {scope}: {body}", call.name());
            } else {
                refused += 1;
                assert_eq!(status, StatusCode::FORBIDDEN, "{} with {scope}: {body}", call.name());
                assert!(body.contains(&call.scopes[0]), "{} does not say what is missing: {body}", call.name());
            }
        }
    }
    assert!(refused >= 14, "only {refused} calls want a scope");
}

#[tokio::test]
async fn another_tenants_things_are_not_there() {
    let server = Server::start().await;
    let (owner, other) = (server.tenant("acme").await, server.tenant("other").await);
    let done = owner.run(&json!({"prompt": "Say hello"})).await;
    let session = done["session_id"].as_str().unwrap();
    let mut asked = 0;
    for call in calls(&server.url).await.into_iter().filter(|call| call.path.contains('{')) {
        asked += 1;
        let (status, body) = call.with(&server.url, Some(&other.key), session).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{}: {body}", call.name());
    }
    assert!(asked >= 3);
    let listed = other.get("/sessions/").await.1;
    assert_eq!(listed, json!([]));
    let resume = json!({"prompt": "x", "resume_session_id": session});
    assert_eq!(other.execute(&resume).await.1["detail"], format!("Session {session} not found."));
    let ticket = other.request(Method::POST, "/v1/tokens").json(&json!({"session_id": session})).send().await.unwrap();
    assert_eq!(ticket.status(), StatusCode::NOT_FOUND);
    assert_eq!(owner.status(session).await, done);
}

#[tokio::test]
async fn a_suspended_tenant_looks_on_and_begins_nothing() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let done = tenant.run(&json!({"prompt": "Say hello"})).await;
    let session = done["session_id"].as_str().unwrap();
    server.command(&["tenants", "suspend", "acme"]).await;
    for call in calls(&server.url).await {
        let (status, body) = call.with(&server.url, Some(&tenant.key), session).await;
        let begins = call.path == "/execute/";
        assert_eq!(status == StatusCode::FORBIDDEN, begins, "{}: {status} {body}", call.name());
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{}: {body}", call.name());
    }
}

async fn buy(tenant: &Tenant, body: &Value) -> (StatusCode, Value) {
    let response = tenant.request(Method::POST, "/v1/tokens").json(body).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_key_buys_a_token_and_a_ticket_for_one_session() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let done = tenant.run(&json!({"prompt": "Say hello"})).await;
    let session = done["session_id"].as_str().unwrap();
    let get = async |path: &str, token: &str| {
        let request = client().get(format!("{}{path}", server.url)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    let (status, bought) = buy(&tenant, &json!({"scopes": ["sessions:read"], "ttl_seconds": 60})).await;
    assert_eq!((status.as_u16(), &bought["scopes"]), (201, &json!(["sessions:read"])), "{bought}");
    let token = bought["token"].as_str().unwrap();
    assert_eq!((get("/sessions/", token).await, get("/v1/usage", token).await), (200, 403));
    let (_, bought) = buy(&tenant, &json!({"session_id": session})).await;
    let ticket = bought["token"].as_str().unwrap();
    let by_address = client().get(format!("{}/status/{session}?ticket={ticket}", server.url)).send().await.unwrap();
    assert_eq!(by_address.json::<Value>().await.unwrap(), done);
    assert_eq!(get("/sessions/", ticket).await, 403);
    for (body, status, word) in [
        (json!({"ttl_seconds": 901}), 400, "1 to 900"),
        (json!({"ttl_seconds": 61, "session_id": session}), 400, "1 to 60"),
        (json!({"scopes": ["sessions"]}), 422, "no scope"),
        (json!({"scopes": ["admin"]}), 403, "cannot buy"),
    ] {
        let (told, answer) = buy(&tenant, &body).await;
        assert_eq!(told.as_u16(), status, "{body}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{body}: {answer}");
    }
    let again = client().post(format!("{}/v1/tokens", server.url)).bearer_auth(token).json(&json!({})).send().await;
    assert_eq!(again.unwrap().status().as_u16(), 403, "a token bought a token");
    let id = tenant.key.split('_').nth(2).unwrap();
    server.command(&["keys", "revoke", id]).await;
    assert_eq!(get("/sessions/", token).await, 401, "a revoked key's token opens something");
}
