//! What is set and cannot work: found when it is set and at each look, and shown.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::Admin;
use crate::domain::{By, KeyId};

impl Admin {
    /// What the last look found.
    async fn found(&self) -> Vec<String> {
        self.state.findings.look().await.unwrap();
        self.state.findings.current().into_iter().map(|finding| finding.message).collect()
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        let (status, made) = self.ask(Method::POST, path, body).await;
        assert!(status.is_success(), "{path}: {made}");
        made
    }
}

#[tokio::test]
async fn a_limit_that_names_what_is_not_there_is_reported() {
    let admin = Admin::start().await;
    let tenant = admin.tenant_named("acme").await;
    let path = format!("/admin/v1/tenants/{tenant}/limits");
    let limits =
        json!({"models": ["claude-sonnet-5-5", "claude-nope"], "tools": ["Bash(ls)", "Reed"], "images": ["nope:1"]});
    let (status, set) = admin.ask(Method::PUT, &path, limits).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    let warnings = set["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    let found = admin.found().await;
    assert_eq!(found.len(), 3, "{found:?}");
    for (word, at) in [("`claude-nope`", 0), ("`Reed`", 1), ("`nope:1`", 2)] {
        assert!(warnings[at].as_str().unwrap().contains(word), "{warnings:?}");
        assert!(found[at].contains(word) && found[at].contains("tenant `acme`"), "{found:?}");
    }
    let (_, set) = admin.ask(Method::PUT, &path, json!({"models": ["claude-sonnet-5-5"]})).await;
    assert_eq!(set.get("warnings"), None, "{set}");
    assert!(admin.found().await.is_empty());
}

#[tokio::test]
async fn a_budget_that_bounds_nobody_is_reported() {
    let admin = Admin::start().await;
    let (acme, other) = (admin.tenant_named("acme").await, admin.tenant_named("other").await);
    let issued = admin.made(&format!("/admin/v1/tenants/{acme}/keys"), json!({"name": "CI"})).await;
    let key = issued["id"].as_str().unwrap().to_owned();
    let budget = |scope: Value| json!({"scope": scope, "period": "day", "limit_usd": "1"});
    admin.made("/admin/v1/budgets", budget(json!({"key": key}))).await;
    admin.made("/admin/v1/budgets", budget(json!({"tenant": "other"}))).await;
    assert!(admin.found().await.is_empty());
    admin.fixture.store.keys().revoke(&KeyId::new(key.as_str()), &By::test()).await.unwrap();
    let (status, _) = admin.ask(Method::DELETE, &format!("/admin/v1/tenants/{other}"), Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let found = admin.found().await;
    assert!(found.len() == 2 && found[0].contains(&key) && found[1].contains("archived"), "{found:?}");
    for scope in [json!({"key": key}), json!({"tenant": "other"})] {
        let (status, answer) = admin.ask(Method::POST, "/admin/v1/budgets", budget(scope)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    }
}
