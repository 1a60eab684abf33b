//! The verifier, and issuing.

use std::sync::Arc;

use futures_util::future::join_all;

use super::Fixture;
use crate::api::auth::{Busy, Owner, VerifyError, ensure_operator_key};
use crate::domain::{Clock, Key, KeyOwner, KeyScopes, PlainKey, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// How a look-up ends, as far as a test asks.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Tenant(String),
    Operator,
    Refused,
    Busy,
}

async fn verify(fixture: &Fixture, key: &PlainKey) -> Answer {
    match fixture.keys.verify(key).await {
        Ok(verified) => {
            assert_eq!(verified.key_id, key.id());
            match &verified.owner {
                Owner::Tenant(tenant) => Answer::Tenant(tenant.name.clone()),
                Owner::Operator => Answer::Operator,
            }
        }
        Err(VerifyError::Refused) => Answer::Refused,
        Err(VerifyError::Busy(Busy)) => Answer::Busy,
        Err(error) => panic!("{error}"),
    }
}

fn acme() -> Answer {
    Answer::Tenant("acme".to_owned())
}

#[tokio::test]
async fn a_key_speaks_for_whom_it_was_issued() {
    let fixture = Fixture::new().await;
    let (tenant, operator) = (fixture.tenant_key().await, fixture.operator_key().await);
    for _ in 0..2 {
        assert_eq!(verify(&fixture, &tenant).await, acme());
        assert_eq!(verify(&fixture, &operator).await, Answer::Operator);
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_id_open_nothing() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    for wrong in [key.forged(), PlainKey::generate(KeyOwner::Operator)] {
        assert_eq!(verify(&fixture, &wrong).await, Answer::Refused);
    }
    assert_eq!(verify(&fixture, &key).await, acme());
    assert_eq!(verify(&fixture, &key.forged()).await, Answer::Refused);
}

#[tokio::test]
async fn a_key_that_was_made_an_operators_by_its_prefix_opens_nothing() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    let forged = key.promoted();
    assert_eq!(forged.id(), key.id());
    assert_eq!(verify(&fixture, &forged).await, Answer::Refused);
}

#[tokio::test]
async fn a_key_ends_on_time_though_it_is_remembered() {
    let fixture = Fixture::new().await;
    let key = fixture.issue(KeyOwner::Operator, Some(1)).await.plain;
    fixture.clock.advance_millis(DAY_MS - 1);
    assert_eq!(verify(&fixture, &key).await, Answer::Operator);
    fixture.clock.advance_millis(1);
    assert_eq!(verify(&fixture, &key).await, Answer::Refused);
    fixture.keys.catch_up().await;
    assert_eq!(verify(&fixture, &key).await, Answer::Refused);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing() {
    let fixture = Fixture::new().await;
    let plain = PlainKey::generate(KeyOwner::Operator);
    let revoked = Key {
        id: plain.id(),
        owner: KeyOwner::Operator,
        name: "test".to_owned(),
        scopes: KeyScopes::OPERATOR,
        hash: fixture.keys.hasher().hash(plain.clone()).await.unwrap(),
        created_at: Timestamp::from_micros(0),
        expires_at: None,
        revoked_at: Some(Timestamp::from_micros(0)),
        last_used_at: None,
    };
    fixture.store.keys().create(&revoked, &fixture.by()).await.unwrap();
    assert_eq!(verify(&fixture, &plain).await, Answer::Refused);
}

#[tokio::test]
async fn a_known_key_needs_neither_the_hasher_nor_the_store() {
    let fixture = Fixture::new().await;
    let (known, cold) = (fixture.tenant_key().await, fixture.operator_key().await);
    assert_eq!(verify(&fixture, &known).await, acme());
    fixture.tasks.stop().await;
    assert_eq!(verify(&fixture, &cold).await, Answer::Busy);
    fixture.store.close().await;
    assert_eq!(verify(&fixture, &known).await, acme());
    assert_eq!(verify(&fixture, &known.forged()).await, Answer::Refused);
}

#[tokio::test]
async fn a_refusal_is_remembered() {
    let fixture = Fixture::new().await;
    let (wrong, unknown) = (fixture.tenant_key().await.forged(), PlainKey::generate(KeyOwner::Operator));
    assert_eq!(verify(&fixture, &wrong).await, Answer::Refused);
    assert_eq!(verify(&fixture, &unknown).await, Answer::Refused);
    fixture.tasks.stop().await;
    fixture.store.close().await;
    assert_eq!(verify(&fixture, &wrong).await, Answer::Refused);
    assert_eq!(verify(&fixture, &unknown).await, Answer::Refused);
}

#[tokio::test]
async fn an_unknown_id_costs_no_hash() {
    let fixture = Fixture::new().await;
    fixture.tasks.stop().await;
    assert_eq!(verify(&fixture, &PlainKey::generate(KeyOwner::Operator)).await, Answer::Refused);
}

#[tokio::test]
async fn what_was_changed_of_a_key_or_its_tenant_is_looked_up_anew_and_nothing_else() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.tenant_key().await, fixture.operator_key().await);
    fixture.keys.catch_up().await;
    verify(&fixture, &one).await;
    verify(&fixture, &other).await;
    fixture.store.tenants().update(fixture.tenant.id, Some("renamed"), None, &fixture.by()).await.unwrap();
    fixture.keys.catch_up().await;
    assert_eq!(verify(&fixture, &one).await, Answer::Tenant("renamed".to_owned()));
    fixture.store.keys().revoke(&one.id(), &fixture.by()).await.unwrap();
    fixture.tasks.stop().await;
    assert_ne!(verify(&fixture, &one).await, Answer::Refused, "nobody has looked yet");
    fixture.keys.catch_up().await;
    assert_eq!(verify(&fixture, &one).await, Answer::Refused);
    assert_eq!(verify(&fixture, &other).await, Answer::Operator);
}

#[tokio::test]
async fn what_cannot_be_asked_for_changes_is_believed_no_more() {
    let fixture = Fixture::new().await;
    let key = fixture.operator_key().await;
    assert_eq!(verify(&fixture, &key).await, Answer::Operator);
    fixture.store.close().await;
    fixture.keys.catch_up().await;
    assert!(fixture.keys.known(&key).is_none());
}

#[tokio::test]
async fn when_a_key_was_last_used_is_written_when_the_process_ends() {
    let fixture = Fixture::new().await;
    let key = fixture.operator_key().await;
    Arc::clone(&fixture.keys).keep(&fixture.tasks).await.unwrap();
    fixture.clock.advance_millis(DAY_MS);
    let used_at = fixture.clock.now();
    verify(&fixture, &key).await;
    fixture.clock.advance_millis(59_999);
    verify(&fixture, &key).await;
    fixture.tasks.stop().await;
    let record = fixture.store.keys().find(&key.id()).await.unwrap().unwrap();
    assert_eq!(record.last_used_at, Some(used_at), "two uses within a minute are one");
}

#[tokio::test]
async fn a_crowd_with_one_key_costs_one_hash() {
    let fixture = Fixture::new().await;
    let key = fixture.tenant_key().await;
    // More than the hasher would let wait.
    let answers = join_all((0..200).map(|_| verify(&fixture, &key))).await;
    assert!(answers.iter().all(|answer| *answer == acme()), "{answers:?}");
}

#[tokio::test]
async fn a_flood_of_wrong_keys_is_shed_and_known_keys_are_answered() {
    let fixture = Fixture::new().await;
    let (known, attacked) = (fixture.tenant_key().await, fixture.operator_key().await);
    assert_eq!(verify(&fixture, &known).await, acme());
    let wrong: Vec<_> = (0..200).map(|_| attacked.forged()).collect();
    let flood = join_all(wrong.iter().map(|key| verify(&fixture, key)));
    let (answers, good) = tokio::join!(flood, verify(&fixture, &known));
    assert_eq!(good, acme());
    assert!(answers.contains(&Answer::Busy), "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Busy | Answer::Refused)), "{answers:?}");
}

#[tokio::test]
async fn the_operators_get_a_first_key_once() {
    let fixture = Fixture::new().await;
    let first = ensure_operator_key(&fixture.store, &fixture.clock, fixture.keys.hasher()).await.unwrap().unwrap();
    assert_eq!(verify(&fixture, &first).await, Answer::Operator);
    let second = ensure_operator_key(&fixture.store, &fixture.clock, fixture.keys.hasher()).await.unwrap();
    assert!(second.is_none());
}
