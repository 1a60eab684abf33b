//! Cleanup through the admin API, and by retention: what goes, what stays, and what is said of it.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::Admin;
use super::sessions::HOUR;
use crate::admin::Retention;
use crate::config::Config;
use crate::domain::{
    Budget, BudgetId, By, Enforcement, Outcome, Period, Scope, SessionId, TenantId, TenantLimits, Timestamp, Usd,
};

impl Admin {
    async fn clean(&self, body: Value) -> Value {
        let (status, report) = self.ask(Method::POST, "/admin/v1/cleanup", body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{body}: {report}");
        report
    }

    async fn bound(&self, tenant: TenantId, session: &str) {
        let budget = Budget {
            id: BudgetId::generate(),
            scope: Scope::Session(tenant, session.parse().unwrap()),
            period: Period::Total,
            limit: Usd::from_nanos(1),
            enforcement: Enforcement::Hard,
            created_at: Timestamp::from_micros(0),
        };
        self.fixture.store.budgets().create(&budget, &By::test()).await.unwrap();
    }

    /// Removes what is kept for no longer, with so many days in the settings.
    async fn retain(&self, days: u32) -> u64 {
        let mut config = Config::clone(&self.fixture.config);
        config.session.retention_days = days;
        let admin = &self.state;
        let retention = Retention::new(&self.fixture.store, &Arc::new(config), &admin.sessions, &admin.clock);
        retention.pass().await.unwrap()
    }
}

#[tokio::test]
async fn cleanup_removes_what_is_asked_for_and_says_what() {
    let admin = Admin::start().await;
    let (acme, other) = (admin.tenant_named("acme").await, admin.tenant_named("other").await);
    let old = admin.session(acme, 1, 7_000_000, Some(Outcome::Completed)).await;
    let failed = admin.session(acme, 1, 0, Some(Outcome::Failed)).await;
    let young = admin.session(acme, 9, 0, Some(Outcome::Completed)).await;
    let waiting = admin.session(acme, 1, 0, None).await;
    let others = admin.session(other, 1, 0, Some(Outcome::Completed)).await;
    admin.bound(acme, &old).await;
    let nobodys = admin.fixture.config.files_dir().join(SessionId::generate().to_string());
    let files = admin.fixture.config.files_dir().join(&old);
    for directory in [&nobodys, &files] {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join("1"), "0123456789").unwrap();
    }
    admin.fixture.clock.advance_millis(10 * HOUR / 1_000);
    let ask = |dry_run| json!({"tenant": "acme", "status": "completed", "min_ended_hours": 2, "dry_run": dry_run});

    let said = admin.clean(ask(true)).await;
    let counted =
        |said: &Value| ["sessions", "budgets", "orphaned_paths", "orphaned_bytes"].map(|name| said[name].clone());
    assert_eq!(counted(&said), [1, 1, 1, 10].map(|count| json!(count)), "{said}");
    assert!(said["session_bytes"].as_u64().unwrap() > 20, "{said}");
    assert!(nobodys.exists() && admin.listed("").await.contains(&old));
    assert!(admin.audit("?action=sessions.cleanup").await.is_empty(), "a dry run changes nothing");

    let done = admin.clean(ask(false)).await;
    assert_eq!(counted(&done), counted(&said), "{done}");
    assert!(!nobodys.exists() && !files.exists());
    assert_eq!(admin.listed("").await.len(), 4);
    let (_, budgets) = admin.ask(Method::GET, "/admin/v1/budgets", Value::Null).await;
    assert_eq!(budgets["data"], json!([]), "{budgets}");
    let spent = admin.fixture.store.ledger().list(acme, old.parse().unwrap()).await.unwrap();
    assert_eq!(spent.len(), 1, "what was spent stays");
    let audit = admin.audit("?action=sessions.cleanup").await;
    assert_eq!((audit.len(), &audit[0]["after"]["removed"]["sessions"]), (1, &json!(1)), "{audit:?}");

    assert_eq!(admin.clean(json!({"min_ended_hours": 2})).await["sessions"], 2);
    assert_eq!(admin.listed("").await, [young.as_str(), &waiting]);
    assert_eq!(admin.clean(json!({"min_ended_hours": 0})).await["sessions"], 1);
    assert_eq!(admin.listed("").await, [waiting.as_str()], "{failed} {others}");
}

#[tokio::test]
async fn a_cleanup_that_cannot_be_is_refused() {
    let admin = Admin::start().await;
    for (body, status, word) in [
        (json!({"min_ended_hours": 1, "tenant": "nobody"}), StatusCode::BAD_REQUEST, "nobody"),
        (json!({"min_ended_hours": 1, "status": "running"}), StatusCode::BAD_REQUEST, "completed"),
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY, "min_ended_hours"),
        (json!({"min_ended_hours": 1, "state": "x"}), StatusCode::UNPROCESSABLE_ENTITY, "state"),
    ] {
        let (answered, answer) = admin.ask(Method::POST, "/admin/v1/cleanup", body.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(answered == status && message.contains(word), "{body}: {answered} {answer}");
    }
}

#[tokio::test]
async fn retention_removes_what_is_kept_for_no_longer() {
    let admin = Admin::start().await;
    let (acme, other, third) =
        (admin.tenant_named("acme").await, admin.tenant_named("other").await, admin.tenant_named("third").await);
    for (tenant, days) in [(other, 0), (third, 1)] {
        let limits = TenantLimits { retention_days: Some(days), ..TenantLimits::default() };
        admin.fixture.store.tenants().set_limits(tenant, &limits, &By::test()).await.unwrap();
    }
    for tenant in [acme, other, third] {
        admin.session(tenant, 1, 1_000, Some(Outcome::Completed)).await;
    }
    admin.fixture.clock.advance_millis(30 * HOUR / 1_000);
    assert_eq!(admin.retain(0).await, 1, "a tenant's own days count");
    assert!(admin.listed("?tenant=third").await.is_empty());
    assert_eq!(admin.retain(2).await, 0, "it is too early");
    admin.fixture.clock.advance_millis(30 * HOUR / 1_000);
    assert_eq!(admin.retain(0).await, 0, "0 keeps all");
    assert_eq!(admin.retain(2).await, 1);
    assert!(admin.listed("?tenant=acme").await.is_empty());
    assert_eq!(admin.listed("").await.len(), 1, "a tenant whose own limit is 0 keeps all");
    let audit = admin.audit("?action=sessions.cleanup").await;
    assert_eq!((audit.len(), &audit[0]["actor"]), (2, &json!("server")), "{audit:?}");
}
