//! The extractors, through a router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Path};
use axum::routing::get;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Fixture;
use crate::api::auth::{
    AnyKey, ChangeSessions, Gate, NewKey, OperatorCaller, ReadSessions, SessionCaller, TenantCaller, Ticket,
};
use crate::api::rate_headers;
use crate::domain::{Clock, KeyOwner, KeyScopes, PlainKey, SessionId, TenantId};

#[derive(Clone)]
struct Door(Arc<Gate>);

impl FromRef<Door> for Arc<Gate> {
    fn from_ref(door: &Door) -> Self {
        Self::clone(&door.0)
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn look(caller: SessionCaller, Path(id): Path<String>) -> StatusCode {
    let seen = caller.tenant_of(id.parse().unwrap());
    if seen.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND }
}

pub(super) async fn ask(fixture: &Fixture, request: Request<Body>) -> Answer {
    let router = Router::new()
        .route("/tenant", get(async |caller: TenantCaller<AnyKey>| format!("{} {}", caller.tenant.name, caller.key)))
        .route("/read", get(async |_: TenantCaller<ReadSessions>| "read"))
        .route("/write", get(async |_: TenantCaller<ChangeSessions>| "written"))
        .route("/session/{id}", get(look))
        .route("/operator", get(async |caller: OperatorCaller| caller.by.who.to_string()))
        .layer(axum::middleware::from_fn(rate_headers::layer))
        .with_state(Door(Arc::clone(&fixture.gate)));
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(super) fn with_key(path: &str, key: &PlainKey) -> Request<Body> {
    Request::get(path).header("x-api-key", key.expose()).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_handler_is_told_who_called() {
    let fixture = Fixture::new().await;
    let (tenant, operator) = (fixture.tenant_key().await, fixture.operator_key().await);
    let answer = ask(&fixture, with_key("/tenant", &tenant)).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, format!("acme {}", tenant.id())));
    let answer = ask(&fixture, with_key("/operator", &operator)).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, format!("key:{}", operator.id())));
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

#[tokio::test]
async fn a_key_opens_what_its_scopes_say() {
    let fixture = Fixture::new().await;
    let scopes = KeyScopes::of_tenant(["sessions:read"]).unwrap();
    let owner = KeyOwner::Tenant(fixture.tenant.id);
    let new = NewKey { owner, name: "reader".to_owned(), scopes: Some(scopes), expires_in_days: None };
    let key = fixture.issue_with(new).await.plain;
    assert_eq!(ask(&fixture, with_key("/read", &key)).await.status, StatusCode::OK);
    let refused = ask(&fixture, with_key("/write", &key)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("`sessions:write`"), "{}", refused.body);
    assert!(refused.headers.contains_key("ratelimit"), "it is known who called");
}

pub(super) fn with_bearer(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header(AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
}

impl Fixture {
    /// A token that lasts for a second.
    pub(super) fn token(&self, key: &PlainKey, scopes: KeyScopes, session: Option<SessionId>) -> String {
        let now = self.clock.now();
        let expires_at = now.plus_millis(1_000);
        let ticket = Ticket { key: key.id(), tenant: self.tenant.id, scopes, session, expires_at };
        self.gate.tokens().issue(&ticket, now)
    }
}

#[tokio::test]
async fn a_token_opens_no_more_and_no_longer_than_it_and_its_key_do() {
    let fixture = Fixture::new().await;
    fixture.clock.advance_millis(1_000_000);
    let key = fixture.tenant_key().await;
    let read = KeyScopes::of_tenant(["sessions:read"]).unwrap();
    let token = fixture.token(&key, read, None);
    let status = async |path: &str, token: &str| ask(&fixture, with_bearer(path, token)).await.status;
    assert_eq!(status("/read", &token).await, StatusCode::OK);
    assert_eq!(status("/write", &token).await, StatusCode::FORBIDDEN);
    assert_eq!(status("/operator", &token).await, StatusCode::UNAUTHORIZED);
    let now = fixture.clock.now();
    let ticket = Ticket {
        key: key.id(),
        tenant: TenantId::generate(),
        scopes: read,
        session: None,
        expires_at: now.plus_millis(9_000),
    };
    let others = fixture.gate.tokens().issue(&ticket, now);
    assert_eq!(status("/read", &others).await, StatusCode::UNAUTHORIZED, "a token for another tenant than its key's");
    fixture.clock.advance_millis(1_000);
    assert_eq!(status("/read", &token).await, StatusCode::UNAUTHORIZED, "a token that has ended");
    let token = fixture.token(&key, read, None);
    fixture.store.keys().revoke(&key.id(), &fixture.by()).await.unwrap();
    assert_eq!(status("/read", &token).await, StatusCode::UNAUTHORIZED, "a token of a revoked key");
}

#[tokio::test]
async fn a_ticket_opens_one_session_and_may_stand_in_the_address() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    let (one, other) = (SessionId::generate(), SessionId::generate());
    let ticket = fixture.token(&key, KeyScopes::of_tenant(["sessions:read"]).unwrap(), Some(one));
    let status = async |request| ask(&fixture, request).await.status;
    assert_eq!(status(with_bearer(&format!("/session/{one}"), &ticket)).await, StatusCode::OK);
    let in_address = |path: String| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(status(in_address(format!("/session/{one}?ticket={ticket}"))).await, StatusCode::OK);
    assert_eq!(status(in_address(format!("/session/{other}?ticket={ticket}"))).await, StatusCode::NOT_FOUND);
    assert_eq!(status(with_bearer("/read", &ticket)).await, StatusCode::FORBIDDEN);
    let token = fixture.token(&key, KeyScopes::of_tenant(["sessions:read"]).unwrap(), None);
    assert_eq!(status(with_bearer(&format!("/session/{one}"), &token)).await, StatusCode::OK);
    for other in [key.expose(), &token] {
        let in_query = in_address(format!("/session/{one}?ticket={other}"));
        assert_eq!(status(in_query).await, StatusCode::UNAUTHORIZED, "the address takes tickets alone");
    }
}

#[tokio::test]
async fn an_address_that_guesses_is_turned_away_but_for_keys_that_are_known() {
    let fixture = Fixture::new().await;
    let known = fixture.tenant_key().await;
    Arc::clone(&fixture.keys).keep(&fixture.tasks).await.unwrap();
    assert_eq!(ask(&fixture, with_key("/tenant", &known)).await.status, StatusCode::OK);
    for _ in 0..10 {
        let wrong = PlainKey::generate(KeyOwner::Tenant(fixture.tenant.id));
        assert_eq!(ask(&fixture, with_key("/tenant", &wrong)).await.status, StatusCode::UNAUTHORIZED);
    }
    let made_up = PlainKey::generate(KeyOwner::Tenant(fixture.tenant.id));
    let turned_away = ask(&fixture, with_key("/tenant", &made_up)).await;
    assert_eq!(turned_away.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(turned_away.headers.contains_key(RETRY_AFTER));
    assert_eq!(ask(&fixture, with_key("/tenant", &known)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_to_a_known_caller_says_how_its_rate_stands() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    let answer = ask(&fixture, with_key("/read", &key)).await;
    assert_eq!(answer.headers["ratelimit-policy"], r#""read";q=300;w=3"#);
    assert!(answer.headers["ratelimit"].to_str().unwrap().starts_with(r#""read";r=299;t="#));
    let mut refused = None;
    for _ in 0..100 {
        refused = Some(ask(&fixture, with_key("/write", &key)).await).filter(|answer| answer.status != StatusCode::OK);
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("a hundred calls at once are let through");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers[RETRY_AFTER], "1");
    assert!(refused.headers["ratelimit"].to_str().unwrap().starts_with(r#""write";r=0;"#));
    assert_eq!(ask(&fixture, with_key("/read", &key)).await.status, StatusCode::OK, "another sort of calls");
    let unknown = ask(&fixture, Request::get("/read").body(Body::empty()).unwrap()).await;
    assert!(!unknown.headers.contains_key("ratelimit"));
}
