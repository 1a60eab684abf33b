//! When the issuer is asked for its keys, and what is done when it does not answer.

use futures_util::future::join_all;
use serde_json::json;

use super::*;

const MINUTE: i64 = 60_000;

/// Claims that outlast what these tests wait for.
fn lasting() -> Value {
    json!({ "iat": NOW, "exp": NOW + 400_000 })
}

async fn with_lasting(signers: &[&Signer]) -> Fixture {
    Fixture::with(signers, |config| config.max_token_age_ms = 500_000_000).await
}

fn fetches(fixture: &Fixture) -> usize {
    fixture.server.requests().len()
}

#[tokio::test]
async fn nothing_is_asked_before_it_is_needed_and_then_once_for_all() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    assert!(fixture.issuers.verify("nonsense").await.is_err());
    assert!(fixture.verify(&signer, &json!({ "iss": "https://other.example" })).await.is_err());
    assert_eq!(fetches(&fixture), 0);
    let claims = json!({});
    let verified = join_all((0..50).map(|_| fixture.verify(&signer, &claims))).await;
    assert!(verified.iter().all(Result::is_ok));
    assert_eq!(fetches(&fixture), 1);
}

#[tokio::test]
async fn a_new_key_is_found_by_one_refresh_and_the_old_one_is_gone() {
    let (old, new) = (Signer::es("2025"), Signer::es("2026"));
    let fixture = Fixture::new(&[&old]).await;
    assert!(fixture.verify(&old, &json!({})).await.is_ok());
    fixture.server.publish(&[&new]);
    let claims = json!({});
    let verified = join_all((0..50).map(|_| fixture.verify(&new, &claims))).await;
    assert!(verified.iter().all(Result::is_ok), "{verified:?}");
    assert_eq!(fetches(&fixture), 2);
    assert_eq!(fixture.flaw(&old, &json!({})).await, Some(Reason::UnknownKey));
    assert_eq!(fetches(&fixture), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_makes_one_request_a_minute() {
    let signer = Signer::ed("a");
    let fixture = with_lasting(&[&signer]).await;
    let flood = async || {
        let kids = (0..100).map(|kid| json!({ "kid": format!("random-{kid}") }));
        let tokens: Vec<_> = kids.map(|kid| signer.token_with(&kid, &fixture.claims(&lasting()))).collect();
        let refused = join_all(tokens.iter().map(|token| fixture.issuers.verify(token))).await;
        assert!(refused.into_iter().all(|refused| flaw(refused) == Some(Reason::UnknownKey)));
        fetches(&fixture)
    };
    assert_eq!(flood().await, 2, "the first fetch, and one refresh");
    fixture.clock.advance_millis(MINUTE - 1);
    assert_eq!(flood().await, 2);
    fixture.clock.advance_millis(1);
    assert_eq!(flood().await, 3);
    fixture.server.fail();
    fixture.clock.advance_millis(MINUTE);
    assert_eq!(flood().await, 4);
    assert_eq!(flood().await, 4, "a refresh that failed is one too");
    assert!(fixture.verify(&signer, &lasting()).await.is_ok());
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_make_the_next_one_ask_again() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    assert!(fixture.verify(&signer, &json!({})).await.is_ok());
    let token = signer.token_with(&json!({ "kid": "unknown" }), &fixture.claims(&json!({})));
    tokio::select! {
        verified = fixture.issuers.verify(&token) => panic!("{verified:?} without an answer"),
        () = fixture.server.be_silent_until_asked() => {}
    }
    assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::UnknownKey));
    assert_eq!(fetches(&fixture), 2);
}

#[tokio::test]
async fn keys_are_refreshed_when_they_are_used_and_old() {
    let (old, new) = (Signer::ed("a"), Signer::ed("a"));
    let fixture = with_lasting(&[&old]).await;
    assert!(fixture.verify(&old, &lasting()).await.is_ok());
    fixture.server.publish(&[&new]);
    fixture.clock.advance_millis(10 * MINUTE - 1);
    assert!(fixture.verify(&old, &lasting()).await.is_ok());
    assert_eq!(fetches(&fixture), 1);
    fixture.clock.advance_millis(1);
    let claims = lasting();
    let verified = join_all((0..50).map(|_| fixture.verify(&old, &claims))).await;
    assert!(verified[1..].iter().all(Result::is_ok), "they waited for who asks");
    assert_eq!(flaw(verified.into_iter().next().unwrap()), Some(Reason::Signature));
    assert!(fixture.verify(&new, &lasting()).await.is_ok());
    assert_eq!(fetches(&fixture), 2);
}

#[tokio::test]
async fn an_issuer_that_is_down_leaves_its_keys_for_a_day() {
    let signer = Signer::ed("a");
    let fixture = with_lasting(&[&signer]).await;
    assert!(fixture.verify(&signer, &lasting()).await.is_ok());
    fixture.server.fail();
    fixture.clock.advance_millis(10 * MINUTE);
    for _ in 0..10 {
        assert!(fixture.verify(&signer, &lasting()).await.is_ok());
    }
    assert_eq!(fetches(&fixture), 2, "it is not asked again at once");
    fixture.clock.advance_millis(MINUTE);
    assert!(fixture.verify(&signer, &lasting()).await.is_ok());
    assert_eq!(fetches(&fixture), 3);
    fixture.clock.advance_millis((24 * 60 - 11) * MINUTE - 1);
    assert!(fixture.verify(&signer, &lasting()).await.is_ok());
    fixture.clock.advance_millis(1);
    fixture.clock.advance_millis(5_000);
    assert_eq!(fixture.verify(&signer, &lasting()).await, Err(Refused::Unavailable));
    fixture.server.publish(&[&signer]);
    fixture.clock.advance_millis(5_000);
    assert!(fixture.verify(&signer, &lasting()).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_was_never_there_is_asked_every_five_seconds() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    fixture.server.fail();
    let claims = json!({});
    let refused = join_all((0..50).map(|_| fixture.verify(&signer, &claims))).await;
    assert!(refused.into_iter().all(|refused| refused == Err(Refused::Unavailable)));
    assert_eq!(fetches(&fixture), 1);
    fixture.server.publish(&[&signer]);
    fixture.clock.advance_millis(4_999);
    assert_eq!(fixture.verify(&signer, &json!({})).await, Err(Refused::Unavailable));
    fixture.clock.advance_millis(1);
    assert!(fixture.verify(&signer, &json!({})).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    let (old, new) = (Signer::ed("a"), Signer::ed("b"));
    let fixture = Fixture::new(&[&old]).await;
    fixture.clock.advance_millis(1_000 * MINUTE);
    assert_eq!(fixture.flaw(&new, &json!({})).await, Some(Reason::UnknownKey));
    fixture.server.publish(&[&new]);
    fixture.clock.advance_millis(-1_000 * MINUTE);
    assert!(fixture.verify(&new, &json!({})).await.is_ok());
}

#[tokio::test]
async fn answers_that_are_not_keys_are_failures() {
    let signer = Signer::ed("a");
    for answer in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#] {
        let fixture = Fixture::new(&[]).await;
        fixture.server.answer("/keys", answer);
        assert_eq!(fixture.verify(&signer, &json!({})).await, Err(Refused::Unavailable), "{answer}");
    }
    let fixture = Fixture::new(&[&signer]).await;
    fixture.server.answer("/moved", &json!({ "keys": [signer.jwk()] }).to_string());
    fixture.server.redirect("/keys", "/moved");
    assert_eq!(fixture.verify(&signer, &json!({})).await, Err(Refused::Unavailable));
    assert_eq!(fixture.server.requests(), ["/keys"]);
}

#[tokio::test]
async fn an_answer_is_read_to_half_a_mebibyte() {
    let signer = Signer::ed("a");
    let keys = json!({ "keys": [signer.jwk()] }).to_string();
    for (length, taken) in [(512 * 1024, true), (512 * 1024 + 1, false)] {
        let fixture = Fixture::new(&[]).await;
        fixture.server.answer("/keys", &format!("{keys}{}", " ".repeat(length - keys.len())));
        let verified = fixture.verify(&signer, &json!({})).await;
        assert_eq!(verified.is_ok(), taken);
        assert!(taken || verified == Err(Refused::Unavailable));
    }
}

#[tokio::test]
async fn where_the_keys_are_is_discovered() {
    const PATH: &str = "/.well-known/openid-configuration";
    let signer = Signer::ed("a");
    let fixture = Fixture::with(&[&signer], |config| config.jwks_url = None).await;
    let ours = fixture.server.url.clone();
    for (issuer, keys) in [
        (format!("{ours}/"), format!("{ours}/keys")),
        ("https://other.example".to_owned(), format!("{ours}/keys")),
        (ours.clone(), "http://issuer.invalid/keys".to_owned()),
        (ours.clone(), "file:///keys".to_owned()),
        (ours.clone(), "/keys".to_owned()),
    ] {
        fixture.server.answer(PATH, &json!({ "issuer": issuer, "jwks_uri": keys }).to_string());
        assert_eq!(fixture.verify(&signer, &json!({})).await, Err(Refused::Unavailable), "{issuer} {keys}");
        fixture.clock.advance_millis(5_000);
    }
    assert!(fixture.server.requests().iter().all(|path| path == PATH));
    let discovered = json!({ "issuer": ours, "jwks_uri": format!("{ours}/keys"), "more": true });
    fixture.server.answer(PATH, &discovered.to_string());
    assert!(fixture.verify(&signer, &json!({})).await.is_ok());
    assert_eq!(fixture.server.requests()[5..], [PATH, "/keys"]);
}
