//! Sets of keys with some that cannot be used.

use serde_json::json;

use super::*;
use crate::api::auth::oidc::tests::signer::base64;

#[tokio::test]
async fn a_key_that_cannot_be_used_spoils_no_other() {
    let (good, rsa, es) = (Signer::ed("good"), Signer::rsa("r"), Signer::es("e"));
    let fixture = Fixture::new(&[]).await;
    fixture.server.publish_keys(&[
        json!(7),
        json!({ "kid": "no-kty" }),
        json!({ "kty": "oct", "kid": "good", "k": "c2VjcmV0", "alg": "HS256" }),
        json!({ "kty": "EC", "kid": "e", "crv": "P-521", "x": "AA", "y": "AA" }),
        json!({ "kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "AA" }),
        rsa.jwk_with(&json!({ "use": "enc" })),
        rsa.jwk_with(&json!({ "alg": "RS512" })),
        rsa.jwk_with(&json!({ "key_ops": ["encrypt"] })),
        rsa.jwk_with(&json!({ "n": "not base64" })),
        rsa.jwk_with(&json!({ "e": null })),
        es.jwk_with(&json!({ "crv": "P-384" })),
        es.jwk_with(&json!({ "x": base64([1; 31]) })),
        es.jwk_with(&json!({ "alg": "ES384" })),
        good.jwk_with(&json!({ "kid": ["good"] })),
        good.jwk_with(&json!({ "key_ops": ["verify"], "x5c": ["AA"] })),
    ]);
    assert!(fixture.verify(&good, &json!({})).await.is_ok());
    for unusable in [&rsa, &es] {
        assert_eq!(fixture.flaw(unusable, &json!({})).await, Some(Reason::UnknownKey));
    }
}

#[tokio::test]
async fn what_a_key_need_not_say_it_need_not_say() {
    let signers = [Signer::rsa("a"), Signer::es("b"), Signer::ed("c")];
    let fixture = Fixture::new(&[]).await;
    let bare = json!({ "use": null, "alg": null });
    fixture.server.publish_keys(&signers.each_ref().map(|signer| signer.jwk_with(&bare)));
    for signer in &signers {
        assert!(fixture.verify(signer, &json!({})).await.is_ok());
    }
}

#[tokio::test]
async fn a_short_rsa_key_is_none() {
    let signer = Signer::rsa("a");
    for (modulus, expected) in [
        // 2047 bits, however long it is written.
        ([&[0x00, 0x7f][..], &[0xff; 255][..]].concat(), Reason::UnknownKey),
        (vec![0xff; 128], Reason::UnknownKey),
        (Vec::new(), Reason::UnknownKey),
        (vec![0xff; 1025], Reason::UnknownKey),
        // 2048 bits that the token was not signed with.
        ([&[0x80][..], &[0xff; 255][..]].concat(), Reason::Signature),
    ] {
        let fixture = Fixture::new(&[]).await;
        fixture.server.publish_keys(&[signer.jwk_with(&json!({ "n": base64(modulus) }))]);
        assert_eq!(fixture.flaw(&signer, &json!({})).await, Some(expected));
    }
}

#[tokio::test]
async fn a_point_beside_the_curve_signs_nothing() {
    let signer = Signer::es("a");
    let fixture = Fixture::new(&[]).await;
    fixture.server.publish_keys(&[signer.jwk_with(&json!({ "y": base64([1; 32]) }))]);
    assert_eq!(fixture.flaw(&signer, &json!({})).await, Some(Reason::Signature));
}

#[tokio::test]
async fn without_a_key_id_one_key_must_fit_and_no_other() {
    let (first, second, es) = (Signer::ed("a"), Signer::ed("b"), Signer::es("c"));
    let fixture = Fixture::new(&[&first, &es]).await;
    let without = |signer: &Signer| signer.token_with(&json!({ "kid": null }), &fixture.claims(&json!({})));
    assert!(fixture.issuers.verify(&without(&first)).await.is_ok());
    assert!(fixture.issuers.verify(&without(&es)).await.is_ok());
    assert_eq!(flaw(fixture.issuers.verify(&without(&second)).await), Some(Reason::Signature));
    assert_eq!(flaw(fixture.issuers.verify(&without(&Signer::rsa("d"))).await), Some(Reason::UnknownKey));
    fixture.server.publish(&[&first, &second]);
    fixture.clock.advance_millis(10 * 60 * 1_000);
    let claims = fixture.claims(&json!({ "exp": NOW + 6_000 }));
    let token = first.token_with(&json!({ "kid": null }), &claims);
    assert_eq!(flaw(fixture.issuers.verify(&token).await), Some(Reason::Ambiguous));
    assert!(fixture.issuers.verify(&first.token(&claims)).await.is_ok());
}
