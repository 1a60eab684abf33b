//! The admin API, through its router.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::Fixture;
use crate::admin::Findings;
use crate::api::ApiState;
use crate::api::admin::router;
use crate::api::auth::{Gate, Owner, Tokens, Verifier, ensure_operator_key};
use crate::domain::{Clock, PlainKey};
use crate::fair::Parsing;
use crate::gateway::{Prices, UpstreamWatch};
use crate::lifecycle::Tasks;
use crate::sandbox::Maker;
use crate::session::Registry;
use crate::spawner::{Local, root_keeper};

/// A running admin API, and the operators' key to it.
pub(super) struct Admin {
    pub(super) fixture: Fixture,
    pub(super) state: ApiState,
    router: Router,
    pub(super) key: PlainKey,
}

impl Admin {
    pub(super) async fn start() -> Self {
        let fixture = Fixture::new().await;
        let clock = Arc::new(fixture.clock.clone());
        let tasks = Tasks::new();
        let keys = Arc::new(Verifier::new(fixture.store.clone(), clock.clone(), &fixture.config.auth, &tasks));
        let key = ensure_operator_key(&fixture.store, &fixture.clock, keys.hasher()).await.unwrap().unwrap();
        let tokens = Tokens::open(&fixture.config.tokens_path()).unwrap();
        let gate = Gate::new(&fixture.config, keys, tokens, clock.clone()).unwrap();
        let (config, sessions) = (Arc::clone(&fixture.config), no_sessions(&fixture, &tasks));
        let prices = Prices::load(Path::new("")).unwrap();
        let (of_gateway, time) = ((&prices, UpstreamWatch::default()), clock.clone() as Arc<dyn Clock>);
        let findings = Findings::new(&fixture.store, &config, &sessions, of_gateway, &time);
        let state = ApiState {
            config,
            clock,
            store: fixture.store.clone(),
            gate: Arc::new(gate),
            prices,
            sessions,
            findings,
            drift: Arc::default(),
            roots: root_keeper(&fixture.config).into(),
            parsing: Parsing::new(),
        };
        let (router, _document) = router().split_for_parts();
        Self { fixture, router: router.with_state(state.clone()), state, key }
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("x-api-key", self.key.expose());
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

/// A registry the admin API asks nothing of.
fn no_sessions(fixture: &Fixture, tasks: &Tasks) -> Registry {
    let (config, (model_sockets, _)) = (Arc::clone(&fixture.config), mpsc::channel(1));
    let maker = Maker::new(Local::fake(&config), Arc::clone(&config), tasks.clone(), model_sockets);
    Registry::new(fixture.store.clone(), Arc::new(fixture.clock.clone()), config, tasks.clone(), maker)
}

#[tokio::test]
async fn an_operator_creates_a_tenant_and_gives_it_a_key_that_opens() {
    let admin = Admin::start().await;
    let new = json!({ "name": "acme", "roots": [admin.fixture.at("acme")] });
    let (status, tenant) = admin.ask(Method::POST, "/admin/v1/tenants", new).await;
    assert_eq!((status, &tenant["name"]), (StatusCode::CREATED, &json!("acme")), "{tenant}");
    let (_, list) = admin.ask(Method::GET, "/admin/v1/tenants", Value::Null).await;
    assert_eq!(list, json!({ "data": [tenant] }));

    let keys = format!("/admin/v1/tenants/{}/keys", tenant["id"].as_str().unwrap());
    let (status, issued) = admin.ask(Method::POST, &keys, json!({ "name": "CI" })).await;
    assert_eq!((status, &issued["expires_at"]), (StatusCode::CREATED, &Value::Null), "{issued}");
    let key = PlainKey::parse(issued["key"].as_str().unwrap()).unwrap();
    let verified = admin.state.gate.verifier().verify(&key).await.unwrap();
    assert!(matches!(&verified.owner, Owner::Tenant(found) if found.name == "acme"), "{verified:?}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_reason() {
    let admin = Admin::start().await;
    let root = admin.fixture.at("acme");
    let new = json!({ "name": "acme", "roots": [root] });
    let (_, tenant) = admin.ask(Method::POST, "/admin/v1/tenants", new.clone()).await;
    let keys = format!("/admin/v1/tenants/{}/keys", tenant["id"].as_str().unwrap());
    let nobodys = "/admin/v1/tenants/tenant_00000000000000000000000000000000/keys";
    for (path, body, status, code) in [
        ("/admin/v1/tenants", new, StatusCode::CONFLICT, "name_taken"),
        ("/admin/v1/tenants", json!({ "name": "B", "roots": [root] }), StatusCode::BAD_REQUEST, "invalid_request"),
        ("/admin/v1/tenants", json!({ "name": "b", "roots": [root] }), StatusCode::BAD_REQUEST, "invalid_request"),
        ("/admin/v1/tenants", json!({ "name": "b", "roots": [] }), StatusCode::BAD_REQUEST, "invalid_request"),
        ("/admin/v1/tenants", json!({ "name": "b" }), StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"),
        (&keys, json!({ "name": "" }), StatusCode::BAD_REQUEST, "invalid_request"),
        (&keys, json!({ "name": "x", "expires_in_days": 0 }), StatusCode::BAD_REQUEST, "invalid_request"),
        (&keys, json!({ "name": "x", "scope": "all" }), StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"),
        (nobodys, json!({ "name": "x" }), StatusCode::NOT_FOUND, "not_found"),
        ("/admin/v1/tenants/acme/keys", json!({ "name": "x" }), StatusCode::NOT_FOUND, "not_found"),
    ] {
        let (answered, answer) = admin.ask(Method::POST, path, body.clone()).await;
        assert_eq!((answered, &answer["error"]["code"]), (status, &json!(code)), "{path} {body}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    }
}

#[tokio::test]
async fn every_path_wants_an_operators_key() {
    let admin = Admin::start().await;
    let (_, document) = router().split_for_parts();
    for (path, item) in document.paths.paths {
        let methods = [(Method::GET, item.get), (Method::POST, item.post), (Method::DELETE, item.delete)];
        for (method, _) in methods.into_iter().filter(|(_, operation)| operation.is_some()) {
            let request = Request::builder().method(&method).uri(&path).body(Body::empty()).unwrap();
            let (status, answer) = admin.send(request).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer["error"]["code"], "authentication_error");
        }
    }
}
