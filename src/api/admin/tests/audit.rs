//! The audit, through the admin API.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::Admin;

impl Admin {
    async fn tenant(&self) -> String {
        let new = json!({ "name": "acme", "roots": [self.fixture.at("acme")] });
        let (_, tenant) = self.ask(Method::POST, "/admin/v1/tenants", new).await;
        tenant["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn audit(&self, query: &str) -> Vec<Value> {
        let (status, page) = self.ask(Method::GET, &format!("/admin/v1/audit{query}"), json!({})).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["data"].as_array().unwrap().clone()
    }
}

/// Makes every sort of change through the API, and answers the actions that must have been written, oldest first.
async fn change_everything(admin: &Admin) -> Vec<&'static str> {
    let tenant = admin.tenant().await;
    let path = format!("/admin/v1/tenants/{tenant}");
    let ok = async |method: Method, path: String, body: Value| {
        let (status, answer) = admin.ask(method, &path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    };
    ok(Method::PATCH, path.clone(), json!({"name": "acme-2"})).await;
    ok(Method::PUT, format!("{path}/limits"), json!({"max_running": 2})).await;
    ok(Method::POST, format!("{path}/suspend"), json!({})).await;
    ok(Method::POST, format!("{path}/resume"), json!({})).await;
    let key = ok(Method::POST, format!("{path}/keys"), json!({"name": "k", "scopes": ["usage:read"]})).await;
    let key = key["id"].as_str().unwrap().to_owned();
    ok(Method::PATCH, format!("/admin/v1/keys/{key}"), json!({"expires_at": "2999-01-01T00:00:00Z"})).await;
    ok(Method::POST, format!("/admin/v1/keys/{key}/rotate"), json!({})).await;
    ok(Method::DELETE, format!("/admin/v1/keys/{key}"), json!({})).await;
    let budget = json!({"scope": {"tenant": "acme-2"}, "period": "total", "limit_usd": "5"});
    let budget = ok(Method::POST, "/admin/v1/budgets".to_owned(), budget).await;
    let budget = format!("/admin/v1/budgets/{}", budget["id"].as_str().unwrap());
    ok(Method::PATCH, budget.clone(), json!({"limit_usd": "6"})).await;
    let more =
        ok(Method::POST, format!("{budget}/top_up"), json!({"amount_usd": "1.5", "reason": "release week"})).await;
    assert_eq!((&more["limit_usd"], &more["remaining_usd"]), (&json!("6"), &json!("7.5")));
    ok(Method::DELETE, budget, json!({})).await;
    ok(Method::POST, "/admin/v1/prices/reload".to_owned(), json!({})).await;
    ok(Method::DELETE, path, json!({})).await;
    vec![
        "tenant.create",
        "tenant.update",
        "tenant.set_limits",
        "tenant.suspend",
        "tenant.resume",
        "key.create",
        "key.expire",
        "key.rotate",
        "key.create",
        "key.revoke",
        "budget.create",
        "budget.update",
        "budget.top_up",
        "budget.archive",
        "prices.reload",
        "tenant.archive",
    ]
}

#[tokio::test]
async fn every_change_is_written_with_who_and_what_it_was_before() {
    let admin = Admin::start().await;
    let expected = change_everything(&admin).await;
    let mut written = admin.audit("?limit=100").await;
    written.reverse();
    let first = written.remove(0);
    assert_eq!(
        (&first["actor"], &first["action"]),
        (&json!("server"), &json!("key.create")),
        "the first operator's key"
    );
    let actions: Vec<_> = written.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, expected);
    for (seq, entry) in (2..).zip(&written) {
        assert_eq!(entry["seq"], json!(seq), "a gap");
        assert_eq!(entry["actor"], json!(format!("key:{}", admin.key.id())));
        assert_eq!(entry["from"], json!("0.0.0.0"), "no one connected in this test");
    }
    let limits = &written[2];
    assert_eq!(limits["before"]["limits"], json!({}));
    assert_eq!(limits["after"]["limits"], json!({"max_running": 2}));
    assert_eq!(written[12]["reason"], json!("release week"));
    assert!(!written.iter().any(|entry| entry.to_string().contains("argon2")), "a hash in the audit");
}

#[tokio::test]
async fn the_audit_is_filtered_and_paged() {
    let admin = Admin::start().await;
    change_everything(&admin).await;
    assert_eq!(admin.audit("?action=key.create").await.len(), 3);
    assert_eq!(admin.audit("?action=key.create&actor=server").await.len(), 1);
    let tenant = admin.audit("?action=tenant.create").await[0]["target"].as_str().unwrap().to_owned();
    assert_eq!(admin.audit(&format!("?tenant_id={tenant}&limit=100")).await.len(), 15);
    assert_eq!(admin.audit(&format!("?target={tenant}")).await.len(), 6);
    assert!(admin.audit("?from=2999-01-01T00:00:00Z").await.is_empty());
    let (_, first) = admin.ask(Method::GET, "/admin/v1/audit?limit=10", json!({})).await;
    let next = first["next_before"].as_i64().unwrap();
    let (_, second) = admin.ask(Method::GET, &format!("/admin/v1/audit?limit=10&before={next}"), json!({})).await;
    assert_eq!(second["data"].as_array().unwrap().len(), 7);
    assert_eq!(second["next_before"], Value::Null);
    for (query, word) in
        [("?action=x", "key.revoke"), ("?tenant_id=x", "`x`"), ("?from=x", "no time"), ("?who=x", "who")]
    {
        let (status, answer) = admin.ask(Method::GET, &format!("/admin/v1/audit{query}"), json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{answer}");
    }
}

#[tokio::test]
async fn what_changes_nothing_is_not_written_and_what_is_refused_neither() {
    let admin = Admin::start().await;
    let tenant = admin.tenant().await;
    let before = admin.audit("").await.len();
    let path = format!("/admin/v1/tenants/{tenant}");
    assert_eq!(admin.ask(Method::POST, &format!("{path}/resume"), json!({})).await.0, StatusCode::OK);
    assert_eq!(admin.ask(Method::PATCH, &path, json!({"name": "No Name"})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(admin.ask(Method::PATCH, &path, json!({"roots": ["/"]})).await.0, StatusCode::BAD_REQUEST);
    let missing = admin.ask(Method::DELETE, "/admin/v1/keys/none", json!({})).await;
    assert_eq!(missing.0, StatusCode::NOT_FOUND);
    assert_eq!(admin.audit("").await.len(), before);
}
