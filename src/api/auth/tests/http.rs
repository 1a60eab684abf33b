//! The extractors, through a router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::routing::get;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Fixture;
use crate::api::auth::{OperatorCaller, TenantCaller, Verifier};
use crate::domain::{KeyOwner, PlainKey};

#[derive(Clone)]
struct Keys(Arc<Verifier>);

impl FromRef<Keys> for Arc<Verifier> {
    fn from_ref(keys: &Keys) -> Self {
        Self::clone(&keys.0)
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn ask(fixture: &Fixture, request: Request<Body>) -> Answer {
    let router = Router::new()
        .route("/tenant", get(async |caller: TenantCaller| format!("{} {}", caller.tenant.name, caller.key)))
        .route("/operator", get(async |caller: OperatorCaller| caller.key.to_string()))
        .with_state(Keys(Arc::clone(&fixture.keys)));
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

fn with_key(path: &str, key: &PlainKey) -> Request<Body> {
    Request::get(path).header("x-api-key", key.expose()).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_handler_is_told_who_called() {
    let fixture = Fixture::new().await;
    let (tenant, operator) = (fixture.tenant_key().await, fixture.operator_key().await);
    let answer = ask(&fixture, with_key("/tenant", &tenant)).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, format!("acme {}", tenant.id())));
    let answer = ask(&fixture, with_key("/operator", &operator)).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, operator.id().to_string()));
}

#[tokio::test]
async fn whoever_may_not_come_in_gets_the_same_answer() {
    let fixture = Fixture::new().await;
    let (tenant, operator) = (fixture.tenant_key().await, fixture.operator_key().await);
    let unknown = PlainKey::generate(KeyOwner::Operator);
    for (path, other) in [("/tenant", &operator), ("/operator", &tenant)] {
        let in_query = format!("{path}?x-api-key={0}&api_key={0}&key={0}", tenant.expose());
        let requests = [
            Request::get(path).body(Body::empty()).unwrap(),
            Request::get(in_query).body(Body::empty()).unwrap(),
            Request::get(path).header(AUTHORIZATION, "Bearer nonsense").body(Body::empty()).unwrap(),
            with_key(path, other),
            with_key(path, &unknown),
            with_key(path, &tenant.forged()),
            with_key(path, &operator.forged()),
        ];
        let mut bodies = Vec::new();
        for request in requests {
            let answer = ask(&fixture, request).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert_eq!(answer.headers[WWW_AUTHENTICATE], r#"Basic realm="innkeeper", charset="UTF-8""#);
            bodies.push(answer.body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        let text = if path == "/tenant" { &body["detail"] } else { &body["error"]["message"] };
        assert!(text.as_str().unwrap().contains("Authorization: Bearer KEY"), "{body}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_checked_now_may_be_sent_again_in_a_moment() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    fixture.tasks.stop().await;
    let answer = ask(&fixture, with_key("/tenant", &key)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers[RETRY_AFTER], "1");
}

#[tokio::test]
async fn a_failing_store_is_not_the_callers_fault_and_not_shown() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    fixture.store.close().await;
    let answer = ask(&fixture, with_key("/tenant", &key)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body, r#"{"detail":"Internal Server Error"}"#);
}
