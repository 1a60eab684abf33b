//! Wrong credentials do not lock out right ones, although they come from the same address.

use std::sync::Arc;

use http::StatusCode;

use super::Fixture;
use super::http::{ask, with_bearer, with_key};
use crate::domain::{Clock, KeyOwner, KeyScopes, PlainKey, TenantId};

/// More wrong credentials than any address may send.
const MANY: usize = 60;

async fn status(fixture: &Fixture, path: &str, key: &PlainKey) -> StatusCode {
    ask(fixture, with_key(path, key)).await.status
}

async fn send_wrong_tokens(fixture: &Fixture) {
    let foreign = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
    for _ in 0..MANY {
        for wrong in ["a.b.c", foreign] {
            for path in ["/tenant", "/operator"] {
                let refused = ask(fixture, with_bearer(path, wrong)).await.status;
                assert!(matches!(refused, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS), "{refused}");
            }
        }
    }
}

#[tokio::test]
async fn wrong_tokens_refuse_no_right_key_and_no_right_token() {
    let fixture = Fixture::new().await;
    fixture.clock.advance_millis(1_000_000);
    let (tenant, operator) = (fixture.tenant_key().await, fixture.operator_key().await);
    let token = fixture.token(&tenant, KeyScopes::of_tenant(["sessions:read"]).unwrap(), None);
    Arc::clone(&fixture.keys).keep(&fixture.tasks).await.unwrap();
    send_wrong_tokens(&fixture).await;
    assert_eq!(ask(&fixture, with_bearer("/tenant", "a.b.c")).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(&fixture, with_bearer("/read", &token)).await.status, StatusCode::OK);
    assert_eq!(status(&fixture, "/tenant", &tenant).await, StatusCode::OK);
    assert_eq!(status(&fixture, "/operator", &operator).await, StatusCode::OK);
}

#[tokio::test]
async fn key_that_was_verified_before_is_never_hashed_again() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    assert_eq!(status(&fixture, "/tenant", &key).await, StatusCode::OK);
    for _ in 0..MANY {
        assert_ne!(status(&fixture, "/tenant", &key.forged()).await, StatusCode::OK);
    }
    fixture.store.tenants().update(fixture.tenant.id, Some("renamed"), None, &fixture.by()).await.unwrap();
    fixture.keys.catch_up().await;
    assert!(fixture.keys.known(&key).is_none(), "it is still believed");
    fixture.tasks.stop().await;
    assert_eq!(status(&fixture, "/tenant", &key.forged()).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&fixture, "/tenant", &key).await, StatusCode::OK);
}

#[tokio::test]
async fn rotated_secret_is_hashed_although_the_old_one_was_proven() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    assert_eq!(status(&fixture, "/tenant", &key).await, StatusCode::OK);
    fixture.store.keys().revoke(&key.id(), &fixture.by()).await.unwrap();
    fixture.keys.catch_up().await;
    assert_eq!(status(&fixture, "/tenant", &key).await, StatusCode::UNAUTHORIZED, "a proof outlived its key");
}

#[tokio::test]
async fn wrong_keys_with_the_id_of_a_right_one_do_not_refuse_it() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    for _ in 0..20 {
        assert_ne!(status(&fixture, "/tenant", &key.forged()).await, StatusCode::OK);
    }
    assert_eq!(status(&fixture, "/tenant", &key).await, StatusCode::OK);
}

#[tokio::test]
async fn made_up_keys_are_not_looked_up_for_an_address_that_sent_too_many() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    Arc::clone(&fixture.keys).keep(&fixture.tasks).await.unwrap();
    let made_up = || PlainKey::generate(KeyOwner::Tenant(TenantId::generate()));
    for _ in 0..MANY {
        status(&fixture, "/tenant", &made_up()).await;
    }
    assert_eq!(status(&fixture, "/tenant", &key).await, StatusCode::OK);
    fixture.store.close().await;
    assert_eq!(status(&fixture, "/tenant", &made_up()).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn wrong_keys_of_tenants_do_not_count_against_operators() {
    let fixture = Fixture::new().await;
    let made_up = || PlainKey::generate(KeyOwner::Operator);
    Arc::clone(&fixture.keys).keep(&fixture.tasks).await.unwrap();
    for _ in 0..MANY {
        status(&fixture, "/tenant", &made_up()).await;
    }
    assert_eq!(status(&fixture, "/tenant", &made_up()).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&fixture, "/operator", &made_up()).await, StatusCode::UNAUTHORIZED);
    assert!(fixture.clock.now().as_micros() > 0);
}
