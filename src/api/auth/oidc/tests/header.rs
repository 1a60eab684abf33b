//! Good tokens, and those whose form, header or signature is wrong.

use serde_json::json;

use super::*;
use crate::api::auth::oidc::tests::signer::base64;

#[tokio::test]
async fn a_token_of_each_algorithm_proves_what_it_says() {
    let signers = [Signer::rsa("a"), Signer::es("b"), Signer::ed("c")];
    let fixture = Fixture::new(&signers.each_ref()).await;
    for signer in &signers {
        let proven = fixture.verify(signer, &json!({})).await.unwrap();
        assert_eq!(
            proven,
            Proven {
                issuer: fixture.server.url.clone(),
                subject: "user-1".to_owned(),
                owner: ProvenOwner::Tenant("acme".to_owned()),
                scopes: KeyScopes::TENANT,
                expires_at: Timestamp::from_micros((NOW + 600) * 1_000_000),
            }
        );
    }
    assert_eq!(fixture.server.requests(), ["/keys"]);
}

#[tokio::test]
async fn a_token_that_is_too_long_is_not_even_read() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    let of_length = |pad: usize| signer.token(&fixture.claims(&json!({ "pad": "x".repeat(pad) })));
    let pad = (0..8192).rev().find(|pad| of_length(*pad).len() <= 8192).unwrap();
    assert!(fixture.issuers.verify(&of_length(pad)).await.is_ok());
    assert_eq!(flaw(fixture.issuers.verify(&of_length(pad + 3)).await), Some(Reason::TooLong));
    assert_eq!(flaw(fixture.issuers.verify(&"x".repeat(8193)).await), Some(Reason::TooLong));
}

#[tokio::test]
async fn what_is_no_signed_token_is_refused() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    let good = signer.token(&fixture.claims(&json!({})));
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let list = base64("[]");
    let wrong = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(" {good}"),
        format!("{header}=.{claims}.{signature}"),
        signer.signed(&format!("{list}.{claims}")),
        signer.signed(&format!("{header}.{list}")),
        signer.signed(&format!("{header}.{}", base64([0xff, 0xfe]))),
    ];
    for token in wrong {
        assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Form), "{token}");
    }
    assert!(fixture.issuers.verify(&good).await.is_ok());
    for token in [format!("{good}="), format!("{header}.{claims}."), format!("{good}AA")] {
        assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Signature), "{token}");
    }
}

#[tokio::test]
async fn a_header_that_asks_for_more_than_a_signature_is_refused() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    for (changes, expected) in [
        (json!({ "typ": null }), None),
        (json!({ "typ": "at+JWT" }), None),
        (json!({ "typ": "jwt" }), None),
        (json!({ "typ": "logout+jwt" }), Some(Reason::Type)),
        (json!({ "typ": ["JWT"] }), Some(Reason::Type)),
        (json!({ "crit": ["exp"] }), Some(Reason::Critical)),
        (json!({ "crit": [] }), Some(Reason::Critical)),
        (json!({ "kid": 1 }), Some(Reason::KeyId)),
    ] {
        let verified = fixture.issuers.verify(&signer.token_with(&changes, &fixture.claims(&json!({})))).await;
        assert_eq!(verified.is_ok(), expected.is_none(), "{changes}");
        assert_eq!(flaw(verified), expected, "{changes}");
    }
    // A name that is there with nothing in it is there.
    let header = base64(r#"{"alg":"EdDSA","kid":"a","crit":null}"#);
    let token = signer.signed(&format!("{header}.{}", base64(fixture.claims(&json!({})).to_string())));
    assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Critical));
}

#[tokio::test]
async fn a_key_the_token_brings_is_not_used() {
    let (signer, foreign) = (Signer::ed("a"), Signer::ed("a"));
    let fixture = Fixture::new(&[&signer]).await;
    fixture.server.answer("/foreign", &json!({ "keys": [foreign.jwk()] }).to_string());
    let url = format!("{}/foreign", fixture.server.url);
    for brought in [json!({ "jku": url }), json!({ "x5u": url }), json!({ "jwk": foreign.jwk() })] {
        let token = foreign.token_with(&brought, &fixture.claims(&json!({})));
        assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Signature));
    }
    assert_eq!(fixture.server.requests(), ["/keys"]);
}

#[tokio::test]
async fn an_algorithm_is_one_of_ours_and_the_keys_own() {
    let (es, ed) = (Signer::es("a"), Signer::ed("b"));
    let fixture = Fixture::with(&[&es, &ed], |config| config.algorithms = vec![OidcAlgorithm::Es256]).await;
    let claims = fixture.claims(&json!({}));
    assert!(fixture.issuers.verify(&es.token(&claims)).await.is_ok());
    assert_eq!(flaw(fixture.issuers.verify(&ed.token(&claims)).await), Some(Reason::Algorithm));
    for alg in ["none", "None", "HS256", "RS256", "ES384", "es256", ""] {
        let token = es.token_with(&json!({ "alg": alg }), &claims);
        assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Algorithm), "{alg}");
    }
    let none = es.token_with(&json!({ "alg": "none" }), &claims);
    let (message, _) = none.rsplit_once('.').unwrap();
    assert_eq!(flaw(fixture.issuers.verify(&format!("{message}.")).await), Some(Reason::Algorithm));
    let token = es.token_with(&json!({ "alg": null }), &claims);
    assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Algorithm));
    // `b` is a key of the issuer, but not for what the header says.
    let token = es.token_with(&json!({ "kid": "b" }), &claims);
    assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::UnknownKey));
}

#[tokio::test]
async fn a_secret_made_of_the_public_key_signs_nothing() {
    let signer = Signer::rsa("a");
    let fixture = Fixture::new(&[&signer]).await;
    let secret = serde_json::to_vec(&signer.jwk()).unwrap();
    let header = base64(r#"{"alg":"HS256","kid":"a"}"#);
    let message = format!("{header}.{}", base64(fixture.claims(&json!({})).to_string()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
    let token = format!("{message}.{}", base64(aws_lc_rs::hmac::sign(&key, message.as_bytes())));
    assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Algorithm));
}

#[tokio::test]
async fn a_signature_is_of_the_issuers_key_over_these_very_claims() {
    let (signer, foreign) = (Signer::es("a"), Signer::es("a"));
    let fixture = Fixture::new(&[&signer]).await;
    assert_eq!(fixture.flaw(&foreign, &json!({})).await, Some(Reason::Signature));
    let good = signer.token(&fixture.claims(&json!({})));
    let [header, _, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let other = base64(fixture.claims(&json!({ "org": "other" })).to_string());
    let forged = format!("{header}.{other}.{signature}");
    assert_eq!(flaw(fixture.issuers.verify(&forged).await), Some(Reason::Signature));
}

#[tokio::test]
async fn one_issuers_key_signs_nothing_of_anothers() {
    let (a, b) = (Signer::ed("same"), Signer::ed("same"));
    let (first, second) = (Fixture::new(&[&a]).await, Fixture::new(&[&b]).await);
    let both = [config(&first.server), config(&second.server)];
    let issuers = Issuers::new(&both, Arc::new(first.clock.clone())).unwrap();
    for (fixture, own, other) in [(&first, &a, &b), (&second, &b, &a)] {
        let claims = fixture.claims(&json!({}));
        assert_eq!(issuers.verify(&own.token(&claims)).await.unwrap().issuer, fixture.server.url);
        assert_eq!(flaw(issuers.verify(&other.token(&claims)).await), Some(Reason::Signature));
    }
}

#[tokio::test]
async fn a_caller_is_not_told_why() {
    let refused = [Refused::from(Reason::Expired), Refused::from(Reason::Signature)];
    assert_eq!(refused.map(|refused| refused.to_string()), ["the token proves nothing"; 2]);
}
