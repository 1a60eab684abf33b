//! What a tenant's requests and sessions may hold.

use super::Fixture;
use crate::admission::Full;
use crate::domain::{KeyId, TenantLimits, TurnSpec};
use crate::session::{ResumeError, StartError};

fn spec(system_prompt: &str) -> TurnSpec {
    TurnSpec { system_prompt: Some(system_prompt.to_owned()), ..TurnSpec::default() }
}

#[tokio::test]
async fn refuses_request_when_waiting_requests_hold_too_much() {
    let fixture = Fixture::with(|config| config.session.max_waiting_bytes_per_tenant = 10_000).await;
    let place = fixture.take_place().await;
    let (prompt, system) = ("p".repeat(3_000), "s".repeat(2_000));
    for _ in 0..2 {
        fixture.start(prompt.clone(), spec(&system)).await.unwrap();
    }
    let refused = fixture.start("p".to_owned(), TurnSpec::default()).await.unwrap_err();
    assert!(matches!(refused, StartError::Full(Full::Bytes { used: 10_000, asked: 1, allowed: 10_000 })), "{refused}");
    assert!(refused.to_string().contains("10000 bytes"), "{refused}");
    fixture.registry.cancel_all(fixture.tenant).await.unwrap();
    fixture.registry.drained().await;
    fixture.start(prompt, spec(&system)).await.unwrap();
    drop(place);
}

#[tokio::test]
async fn refuses_session_when_stored_sessions_hold_too_much() {
    let fixture = Fixture::with(|config| config.session.max_stored_bytes_per_tenant = 10_000).await;
    let place = fixture.take_place().await;
    let id = fixture.start("p".repeat(3_000), TurnSpec::default()).await.unwrap();
    let used = fixture.store.sessions().stored_bytes(fixture.tenant).await.unwrap();
    assert!((9_000..10_000).contains(&used), "the prompt is stored three times: {used}");
    let refused = fixture.start("p".repeat(3_000), TurnSpec::default()).await.unwrap_err();
    assert!(matches!(refused, StartError::Storage { used: found, allowed: 10_000 } if found == used), "{refused}");
    assert!(refused.to_string().contains("DELETE /sessions/cleanup"), "{refused}");
    fixture.registry.cancel(fixture.tenant, id).await.unwrap();
    fixture.registry.delete(fixture.tenant, id).await.unwrap();
    fixture.start("p".repeat(3_000), TurnSpec::default()).await.unwrap();
    drop(place);
}

#[tokio::test]
async fn tenant_limit_stands_for_the_setting() {
    let fixture = Fixture::new().await;
    let place = fixture.take_place().await;
    let limits = |waiting, stored| TenantLimits {
        max_waiting_bytes: Some(waiting),
        max_stored_bytes: Some(stored),
        ..TenantLimits::default()
    };
    let by = crate::domain::By::test();
    fixture.store.tenants().set_limits(fixture.tenant, &limits(5, 1_000_000), &by).await.unwrap();
    let refused = fixture.start("too long".to_owned(), TurnSpec::default()).await.unwrap_err();
    assert!(matches!(refused, StartError::Full(Full::Bytes { allowed: 5, .. })), "{refused}");
    fixture.store.tenants().set_limits(fixture.tenant, &limits(1_000, 5), &by).await.unwrap();
    let refused = fixture.start("too long".to_owned(), TurnSpec::default()).await.unwrap_err();
    assert!(matches!(refused, StartError::Storage { allowed: 5, .. }), "{refused}");
    drop(place);
}

#[tokio::test]
async fn refuses_to_resume_conversation_that_is_too_long() {
    let fixture = Fixture::with(|config| config.session.max_conversation_bytes = 1_000).await;
    fixture.registry.cancel(fixture.tenant, fixture.session).await.unwrap();
    let key = KeyId::new("key");
    let batch = crate::store::Batch {
        transcript: vec!["t".repeat(600), "t".repeat(600)],
        agent_session: Some("a".to_owned()),
        ..crate::store::Batch::default()
    };
    fixture.store.events().append(fixture.tenant, fixture.session, &batch).await.unwrap();
    let resume = |prompt: &str| {
        let spec = TurnSpec::default();
        fixture.registry.resume(&fixture.record, &key, fixture.session, None, prompt.to_owned(), spec)
    };
    let refused = resume("On").await.unwrap_err();
    assert!(matches!(refused, ResumeError::TooLong { what: "transcript", used: 1_200, allowed: 1_000 }), "{refused}");
    let refused = resume(&"p".repeat(2_000)).await.unwrap_err();
    assert!(matches!(refused, ResumeError::TooLong { .. }), "{refused}");
}
