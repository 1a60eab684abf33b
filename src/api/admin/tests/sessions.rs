//! Sessions of all tenants through the admin API: found by every filter, page by page, and cancelled.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::Admin;
use crate::domain::{
    Ask, By, CallId, KeyId, Outcome, SessionId, Tenant, TenantId, TenantLimits, TenantState, Timestamp, TurnEnd,
    TurnId, TurnSpec, Usage, Usd,
};
use crate::store::{CallRef, NewCall, NewSession, NewTurn, Settlement};

pub(super) const HOUR: i64 = 3_600_000_000;

impl Admin {
    pub(super) async fn tenant_named(&self, name: &str) -> TenantId {
        let id = TenantId::generate();
        let tenant = Tenant {
            id,
            name: name.to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
        };
        self.fixture.store.tenants().create(&tenant, &By::test()).await.unwrap();
        id
    }

    /// A session of a tenant, created at an hour, that cost so many nano-dollars; ended if an outcome is given.
    pub(super) async fn session(&self, tenant: TenantId, hour: i64, nanos: i64, outcome: Option<Outcome>) -> String {
        let (session, id, at) = (SessionId::generate(), TurnId::generate(), Timestamp::from_micros(hour * HOUR));
        let (prompt, spec) = ("a secret of the tenant".to_owned(), TurnSpec::default());
        let turn = NewTurn { id, prompt, spec, key: KeyId::new("key1"), created_at: at };
        let new = NewSession { id: session, tenant, root: "/srv/r".into(), relative: "below".into(), turn };
        let store = &self.fixture.store;
        store.sessions().create(&new).await.unwrap();
        let call = CallRef { id: CallId::generate(), tenant, session, turn: id };
        let new = NewCall { call, model: "m".to_owned(), price_version: "v".to_owned(), at };
        let ask = Ask { input_picos: 0, output_picos: 0, max_tokens: 1, least_tokens: 1 };
        store.ledger().open(&new, &ask).await.unwrap();
        let (model, usage, cost) = ("m".to_owned(), Usage::default(), Usd::from_nanos(nanos));
        store.ledger().settle(call, &Settlement { model, usage, cost, estimated: None, at }).await.unwrap();
        if let Some(outcome) = outcome {
            let end = TurnEnd { outcome, ..TurnEnd::cancelled() };
            store.turns().end(tenant, session, id, &end, at).await.unwrap().unwrap();
        }
        session.to_string()
    }

    pub(super) async fn listed(&self, query: &str) -> Vec<String> {
        let (status, page) = self.ask(Method::GET, &format!("/admin/v1/sessions{query}"), json!({})).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        let ids = page["data"].as_array().unwrap().iter();
        ids.map(|entry| entry["session_id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn sessions_of_all_tenants_are_found_by_each_filter() {
    let admin = Admin::start().await;
    let (acme, other) = (admin.tenant_named("acme").await, admin.tenant_named("other").await);
    let old = admin.session(acme, 1, 5_000_000, Some(Outcome::Completed)).await;
    let failed = admin.session(other, 2, 700_000_000, Some(Outcome::Failed)).await;
    let waiting = admin.session(acme, 3, 0, None).await;
    admin.fixture.clock.advance_millis(4 * HOUR / 1_000);
    assert_eq!(admin.listed("").await, [waiting.as_str(), &failed, &old]);
    for (query, found) in [
        ("?tenant=acme".to_owned(), vec![&waiting, &old]),
        (format!("?tenant={other}"), vec![&failed]),
        ("?status=pending".to_owned(), vec![&waiting]),
        ("?status=error".to_owned(), vec![&failed]),
        ("?status=completed".to_owned(), vec![&old]),
        ("?min_age_hours=2".to_owned(), vec![&failed, &old]),
        ("?max_age_hours=2".to_owned(), vec![&waiting]),
        ("?min_cost_usd=0.005".to_owned(), vec![&failed, &old]),
        ("?min_cost_usd=0.005000001&status=error".to_owned(), vec![&failed]),
    ] {
        assert_eq!(admin.listed(&query).await.iter().collect::<Vec<_>>(), found, "{query}");
    }
    let (mut all, mut path) = (Vec::new(), "/admin/v1/sessions?limit=1".to_owned());
    loop {
        let (_, page) = admin.ask(Method::GET, &path, json!({})).await;
        all.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["tenant_name"].clone()));
        let Some(after) = page["next_after"].as_str() else { break };
        path = format!("/admin/v1/sessions?limit=1&after={after}");
    }
    assert_eq!(all, ["acme", "other", "acme"]);
    for (query, word) in [
        ("?tenant=nobody", "nobody"),
        ("?status=done", "completed"),
        ("?min_cost_usd=x", "`x`"),
        ("?after=x", "next_after"),
        ("?limit=0", "1000"),
        ("?state=x", "state"),
    ] {
        let (status, answer) = admin.ask(Method::GET, &format!("/admin/v1/sessions{query}"), json!({})).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(status == StatusCode::BAD_REQUEST && message.contains(word), "{query}: {answer}");
    }
}

#[tokio::test]
async fn a_session_of_any_tenant_is_shown_and_cancelled() {
    let admin = Admin::start().await;
    let session = admin.session(admin.tenant_named("acme").await, 1, 42, None).await;
    let path = format!("/admin/v1/sessions/{session}");
    let (status, shown) = admin.ask(Method::GET, &path, json!({})).await;
    assert_eq!(
        (status, &shown["status"], &shown["directory"]),
        (StatusCode::OK, &json!("pending"), &json!("/srv/r/below"))
    );
    assert_eq!((&shown["cost_usd"], &shown["last_turns"][0]["key_id"]), (&json!("0.000000042"), &json!("key1")));
    assert!(!shown.to_string().contains("secret of the tenant"), "{shown}");
    let (status, ended) = admin.ask(Method::POST, &format!("{path}/cancel"), json!({})).await;
    assert_eq!((status, &ended["status"]), (StatusCode::OK, &json!("cancelled")), "{ended}");
    assert_eq!(ended["last_turns"][0]["end_reason"], "cancelled");
    let (status, again) = admin.ask(Method::POST, &format!("{path}/cancel"), json!({})).await;
    assert_eq!((status, &again["error"]["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    let audit = admin.audit("?action=session.cancel").await;
    assert_eq!((audit.len(), &audit[0]["target"], &audit[0]["tenant_name"]), (1, &json!(session), &json!("acme")));
    for id in ["x", "00000000-0000-4000-8000-000000000000"] {
        for (method, call) in [(Method::GET, ""), (Method::POST, "/cancel")] {
            let (status, answer) = admin.ask(method, &format!("/admin/v1/sessions/{id}{call}"), Value::Null).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
        }
    }
}
