//! Tokens whose signature is right: for whom, when, and what they open.

use serde_json::json;

use super::*;

async fn expect(fixture: &Fixture, signer: &Signer, cases: &[(Value, Option<Reason>)]) {
    for (changes, expected) in cases {
        let verified = fixture.verify(signer, changes).await;
        assert_eq!(verified.is_ok(), expected.is_none(), "{changes}: {verified:?}");
        assert_eq!(flaw(verified), *expected, "{changes}");
    }
}

#[tokio::test]
async fn a_token_is_of_a_known_issuer_for_us_and_names_its_subject() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    let slash = format!("{}/", fixture.server.url);
    let cases = [
        (json!({ "iss": null }), Some(Reason::Issuer)),
        (json!({ "iss": "https://other.example" }), Some(Reason::Issuer)),
        (json!({ "iss": slash }), Some(Reason::Issuer)),
        (json!({ "iss": [fixture.server.url] }), Some(Reason::Issuer)),
        (json!({ "aud": null }), Some(Reason::Audience)),
        (json!({ "aud": "other" }), Some(Reason::Audience)),
        (json!({ "aud": "innkeeper other" }), Some(Reason::Audience)),
        (json!({ "aud": [] }), Some(Reason::Audience)),
        (json!({ "aud": { "innkeeper": true } }), Some(Reason::Audience)),
        (json!({ "aud": [["innkeeper"]] }), Some(Reason::Audience)),
        (json!({ "aud": ["other", "innkeeper"] }), None),
        (json!({ "sub": null }), Some(Reason::Subject)),
        (json!({ "sub": "" }), Some(Reason::Subject)),
        (json!({ "sub": 1 }), Some(Reason::Subject)),
        (json!({ "sub": "a\nb" }), Some(Reason::Subject)),
        (json!({ "sub": "é".repeat(256) }), Some(Reason::Subject)),
        (json!({ "sub": "é".repeat(255) }), None),
    ];
    expect(&fixture, &signer, &cases).await;
}

#[tokio::test]
async fn a_token_is_valid_from_and_to_the_very_microsecond() {
    let signer = Signer::ed("a");
    let day = 86_400;
    let fixture = Fixture::new(&[&signer]).await;
    let cases = [
        (json!({ "exp": NOW - 4 }), None),
        (json!({ "exp": NOW - 5 }), Some(Reason::Expired)),
        (json!({ "nbf": NOW + 5 }), None),
        (json!({ "nbf": NOW + 6 }), Some(Reason::NotYet)),
        (json!({ "iat": NOW + 5 }), None),
        (json!({ "iat": NOW + 6 }), Some(Reason::IssuedAt)),
        (json!({ "iat": NOW, "exp": NOW + day }), None),
        (json!({ "iat": NOW, "exp": NOW + day + 1 }), Some(Reason::TooLasting)),
        (json!({ "iat": NOW - day, "exp": NOW + 1 }), Some(Reason::TooLasting)),
    ];
    let cases = cases.map(|(mut claims, expected)| {
        // An issue that is earlier than all of these.
        if claims.get("iat").is_none() {
            claims["iat"] = json!(NOW - 60);
        }
        (claims, expected)
    });
    expect(&fixture, &signer, &cases).await;
    let half = |seconds: i64| json!(format!("{seconds}.5").parse::<f64>().unwrap());
    assert!(fixture.verify(&signer, &json!({ "iat": NOW - 60, "exp": half(NOW - 5) })).await.is_ok());
    assert_eq!(fixture.flaw(&signer, &json!({ "nbf": half(NOW + 5) })).await, Some(Reason::NotYet));
    // The clock says when, and a token that was good is asked again each time.
    fixture.clock.advance_millis(604_999);
    assert!(fixture.verify(&signer, &json!({})).await.is_ok());
    fixture.clock.advance_millis(1);
    assert_eq!(fixture.flaw(&signer, &json!({})).await, Some(Reason::Expired));
}

#[tokio::test]
async fn a_time_that_is_none_is_not_taken_for_absent() {
    let signer = Signer::ed("a");
    let fixture = Fixture::new(&[&signer]).await;
    let text = NOW.to_string();
    let cases = [
        (json!({ "exp": null }), Some(Reason::Expiry)),
        (json!({ "exp": text }), Some(Reason::Expiry)),
        (json!({ "exp": -1 }), Some(Reason::Expiry)),
        (json!({ "exp": 1e300 }), Some(Reason::Expiry)),
        (json!({ "exp": u64::MAX }), Some(Reason::Expiry)),
        (json!({ "exp": 253_402_300_800_u64 }), Some(Reason::Expiry)),
        (json!({ "nbf": "now" }), Some(Reason::NotYet)),
        (json!({ "nbf": u64::MAX }), Some(Reason::NotYet)),
        (json!({ "iat": null }), Some(Reason::IssuedAt)),
        (json!({ "iat": text }), Some(Reason::IssuedAt)),
    ];
    expect(&fixture, &signer, &cases).await;
}

#[tokio::test]
async fn the_bound_of_a_tokens_age_is_a_setting() {
    let signer = Signer::ed("a");
    let fixture = Fixture::with(&[&signer], |config| config.max_token_age_ms = u64::MAX).await;
    assert!(fixture.verify(&signer, &json!({ "iat": 0, "exp": 253_402_300_799_u64 })).await.is_ok());
    let fixture = Fixture::with(&[&signer], |config| config.max_token_age_ms = 599_999).await;
    assert_eq!(fixture.flaw(&signer, &json!({})).await, Some(Reason::TooLasting));
}

#[tokio::test]
async fn a_tenant_is_named_by_a_claim_after_its_prefix() {
    let signer = Signer::ed("a");
    let fixture = Fixture::with(&[&signer], |config| config.tenant_prefix = Some("team:".to_owned())).await;
    let proven = fixture.verify(&signer, &json!({ "org": "team:acme-2" })).await.unwrap();
    assert_eq!(proven.owner, ProvenOwner::Tenant("acme-2".to_owned()));
    let wrong =
        [json!("acme"), json!("team:"), json!("team:Acme"), json!("team:team:a"), json!(["team:a"]), json!(null)];
    expect(&fixture, &signer, &wrong.map(|org| (json!({ "org": org }), Some(Reason::Tenant)))).await;
}

#[tokio::test]
async fn a_fixed_tenant_is_everybodys() {
    let signer = Signer::ed("a");
    let fixture = Fixture::with(&[&signer], |config| {
        (config.tenant_claim, config.tenant) = (None, Some("house".to_owned()));
    })
    .await;
    let proven = fixture.verify(&signer, &json!({ "org": "other" })).await.unwrap();
    assert_eq!(proven.owner, ProvenOwner::Tenant("house".to_owned()));
}

#[tokio::test]
async fn a_token_opens_what_both_it_and_the_settings_name() {
    let signer = Signer::ed("a");
    let fixture = Fixture::with(&[&signer], |config| {
        config.scopes = vec!["sessions:read".to_owned(), "usage:read".to_owned()];
        config.scopes_claim = Some("scp".to_owned());
    })
    .await;
    for (held, opened) in [
        (json!("openid usage:read  admin"), Some("usage:read")),
        (json!(["sessions:write", "sessions:read", 7]), Some("sessions:read")),
        (json!("sessions:read usage:read"), Some("sessions:read usage:read")),
        (json!(["sessions:read usage:read"]), None),
        (json!("sessions:write"), None),
        (json!("admin"), None),
        (json!(""), None),
        (json!([]), None),
        (json!(7), None),
        (json!(null), None),
    ] {
        let verified = fixture.verify(&signer, &json!({ "scp": held })).await;
        let scopes = verified.as_ref().ok().map(|proven| proven.scopes.to_string());
        assert_eq!(scopes.as_deref(), opened, "{held}");
        assert_eq!(flaw(verified), opened.is_none().then_some(Reason::Scopes), "{held}");
    }
}

#[tokio::test]
async fn only_the_value_of_the_settings_makes_an_operator() {
    let signer = Signer::ed("a");
    let fixture = Fixture::with(&[&signer], |config| {
        config.operator_claim = Some("groups".to_owned());
        config.operator_value = Some("ops".to_owned());
    })
    .await;
    for (groups, is_operator) in [
        (json!("ops"), true),
        (json!(["staff", "ops"]), true),
        (json!("staff ops"), false),
        (json!("opsx"), false),
        (json!([["ops"]]), false),
        (json!({ "ops": true }), false),
        (json!(true), false),
        (json!(null), false),
    ] {
        let proven = fixture.verify(&signer, &json!({ "groups": groups })).await.unwrap();
        let expected = if is_operator {
            (ProvenOwner::Operator, KeyScopes::OPERATOR)
        } else {
            (ProvenOwner::Tenant("acme".to_owned()), KeyScopes::TENANT)
        };
        assert_eq!((proven.owner, proven.scopes), expected, "{groups}");
    }
    // An operator need not be of a tenant.
    assert!(fixture.verify(&signer, &json!({ "groups": "ops", "org": null })).await.is_ok());
    let without = Fixture::new(&[&signer]).await.verify(&signer, &json!({ "groups": "ops" })).await.unwrap();
    assert_eq!(without.scopes, KeyScopes::TENANT);
}
