//! Requests that nobody means well with: each is answered in words, and none is answered with 500.

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::http::Admin;
use crate::api;
use crate::api::auth::{NewKey, issue_key};
use crate::domain::{By, KeyOwner};

/// Values that are at the edge of something.
const ODD: &[&str] = &[
    "",
    "%00",
    "%ff%fe",
    "..",
    "%2e%2e%2f",
    "-1",
    "0",
    "1e400",
    "NaN",
    "-Infinity",
    "0.5",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999999999999999999",
    "%F0%9F%A6%A2",
    "%E2%80%AE",
    "tenant_",
    "tenant_00000000000000000000000000000000",
    "2026-13-45",
    "9999-12-31",
    "-009999-01-01",
    "%2B009999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "2026-11-30T23:59:60Z",
    "a%00b",
    "'%20or%201=1--",
    "%25",
    "%",
];

/// What operators and tenants may ask for: the path, with `{}` where a value goes.
const PATHS: &[&str] = &[
    "/admin/v1/tenants/{}",
    "/admin/v1/tenants/{}/keys",
    "/admin/v1/tenants/{}/limits",
    "/admin/v1/keys/{}",
    "/admin/v1/keys/{}/rotate",
    "/admin/v1/budgets/{}",
    "/admin/v1/budgets/{}/top_up",
    "/admin/v1/calls?limit={}",
    "/admin/v1/calls?session={}",
    "/admin/v1/audit?limit={}",
    "/admin/v1/audit?before={}",
    "/admin/v1/audit?from={}&to={}",
    "/admin/v1/audit?tenant_id={}",
    "/admin/v1/calls/{}/correct",
    "/admin/v1/usage/export?from={}&to={}&format={}",
    "/metrics?{}",
    "/status/{}",
    "/cancel/{}",
    "/sessions/{}",
    "/sessions/?{}",
    "/sessions/cleanup?max_age_hours={}",
    "/v1/usage?from={}&to={}",
    "/v1/usage?by={}",
    "/v1/usage/export?from={}&to={}&format={}",
    "/v1/sessions/{}/changes?limit={}",
    "/v1/sessions/{}/files/{}?turn={}",
    "/status/x?ticket={}",
    "/{}",
    "/docs/{}",
];

/// Every request is made to both listeners with both keys, so that each gets as far as anybody can.
struct Listeners {
    routers: [Router; 2],
    keys: [String; 2],
}

impl Listeners {
    async fn new(admin: &Admin) -> Self {
        let new = json!({ "name": "odd", "roots": [admin.fixture.at("odd")] });
        let (_, tenant) = admin.ask(Method::POST, "/admin/v1/tenants", new).await;
        let owner = KeyOwner::Tenant(tenant["id"].as_str().unwrap().parse().unwrap());
        let new = NewKey { owner, name: "odd".to_owned(), scopes: None, expires_in_days: None };
        let hasher = admin.state.gate.verifier().hasher();
        let key = issue_key(&admin.fixture.store, hasher, new, &By::test()).await.unwrap();
        let routers = [api::operator(admin.state.clone()), api::public(admin.state.clone())];
        Self { routers, keys: [admin.key.expose().to_owned(), key.plain.expose().to_owned()] }
    }

    /// Makes a request that is refused at the most.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, HeaderValue)], body: &[u8]) {
        for (router, key) in self.routers.iter().zip(&self.keys) {
            let mut request = Request::builder().method(method).uri(path).header("x-api-key", key);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            // What is no request cannot be sent either.
            let Ok(request) = request.body(Body::from(body.to_vec())) else { continue };
            let response = router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let text = response.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!status.is_server_error(), "{method} {path} {headers:?}: {status} {text}");
        }
    }
}

#[tokio::test]
async fn odd_paths_and_queries_are_refused_in_words() {
    let admin = Admin::start().await;
    let listeners = Listeners::new(&admin).await;
    for path in PATHS {
        for odd in ODD {
            for method in ["GET", "DELETE"] {
                listeners.send(method, &path.replace("{}", odd), &[], b"").await;
            }
        }
    }
}

#[tokio::test]
async fn odd_headers_are_refused_in_words() {
    let admin = Admin::start().await;
    let listeners = Listeners::new(&admin).await;
    let names = [
        "authorization",
        "x-forwarded-for",
        "forwarded",
        "host",
        "origin",
        "range",
        "traceparent",
        "tracestate",
        "x-request-id",
        "content-type",
        "content-length",
        "if-none-match",
        "if-modified-since",
        "x-forwarded-proto",
        "accept",
        "sec-fetch-site",
    ];
    let values = vec(prop_oneof![32_u8..=126, 128_u8..=255, Just(b',')], 0..60);
    let mut runner = TestRunner::deterministic();
    for name in names {
        for _ in 0..20 {
            let bytes = values.new_tree(&mut runner).unwrap().current();
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { continue };
            for path in ["/execute", "/sessions/", "/v1/usage", "/admin/v1/audit", "/metrics", "/docs"] {
                listeners.send("GET", path, &[(name, value.clone())], b"").await;
            }
            listeners.send("POST", "/execute/", &[(name, value)], b"{\"prompt\": 1}").await;
        }
    }
}

/// What operators may send, with a value at the edge.
fn odd_bodies() -> Vec<(Method, &'static str, Value)> {
    let rate = |per_minute: u32, burst: u32| json!({ "read": { "per_minute": per_minute, "burst": burst } });
    let mut bodies = vec![
        (Method::POST, "/admin/v1/tenants/{tenant}/keys", json!({"name": "k", "expires_in_days": u32::MAX})),
        (Method::POST, "/admin/v1/keys", json!({"name": "k", "expires_in_days": u32::MAX})),
        (Method::PUT, "/admin/v1/tenants/{tenant}/limits", json!({"rates": rate(1, u32::MAX)})),
        (Method::PUT, "/admin/v1/tenants/{tenant}/limits", json!({"rates": rate(u32::MAX, 1)})),
        (
            Method::PUT,
            "/admin/v1/tenants/{tenant}/limits",
            json!({"turn_timeout_ms": u64::MAX, "max_running": usize::MAX}),
        ),
        (
            Method::PUT,
            "/admin/v1/tenants/{tenant}/limits",
            json!({"max_waiting": usize::MAX, "memory_bytes": i64::MAX}),
        ),
        (
            Method::PUT,
            "/admin/v1/tenants/{tenant}/limits",
            json!({"memory_bytes": i64::MIN, "pids": i64::MIN, "cpus": -1e308}),
        ),
        (Method::POST, "/admin/v1/keys/none/rotate", json!({"overlap_hours": u32::MAX})),
    ];
    for moment in ["9999-12-31T23:59:59Z", "-009999-01-03T00:00:00Z", "9999-99-99", "", "1e9"] {
        bodies.push((Method::PATCH, "/admin/v1/keys/none", json!({ "expires_at": moment })));
    }
    for amount in
        ["0.5", "1e400", "NaN", "-1", "9223372036.854775807", "9223372036.9", "0.0000000001", "", "٣", &"9".repeat(400)]
    {
        for period in ["day", "month", "total"] {
            let budget = json!({"scope": "installation", "period": period, "limit_usd": amount});
            bodies.push((Method::POST, "/admin/v1/budgets", budget));
            let budget = json!({"scope": {"tenant": "odd"}, "period": period, "limit_usd": amount});
            bodies.push((Method::POST, "/admin/v1/budgets", budget));
        }
    }
    bodies
}

#[tokio::test]
async fn odd_bodies_are_refused_or_can_be_read_back() {
    let admin = Admin::start().await;
    let listeners = Listeners::new(&admin).await;
    let (_, list) = admin.ask(Method::GET, "/admin/v1/tenants", Value::Null).await;
    let tenant = list["data"][0]["id"].as_str().unwrap().to_owned();
    let json_label = [("content-type", HeaderValue::from_static("application/json"))];
    for (method, path, body) in odd_bodies() {
        let path = path.replace("{tenant}", &tenant);
        listeners.send(method.as_str(), &path, &json_label, body.to_string().as_bytes()).await;
        listeners.send("GET", "/v1/me", &[], b"").await;
    }
    let keys = format!("/admin/v1/tenants/{tenant}/keys");
    for read in
        [keys.as_str(), "/admin/v1/keys", "/admin/v1/audit?limit=1000", "/admin/v1/budgets", "/admin/v1/tenants"]
    {
        let (status, answer) = admin.ask(Method::GET, read, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{read}: {answer}");
    }
    for body in
        ["", "{", "null", "[]", "\"x\"", "1e400", "{\"name\":\"\\ud800\"}", "{\"a\":{\"a\":{}}}", &"[".repeat(100_000)]
    {
        for path in ["/admin/v1/tenants", "/admin/v1/budgets", "/execute/", "/v1/tokens"] {
            listeners.send("POST", path, &json_label, body.as_bytes()).await;
        }
    }
}
