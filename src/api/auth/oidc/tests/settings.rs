//! Settings that cannot be used.

use super::*;
use crate::api::auth::oidc::OidcError;

fn checked(change: impl FnOnce(&mut OidcConfig)) -> Result<Issuers, OidcError> {
    let mut config = OidcConfig {
        issuer: "https://login.example/a".to_owned(),
        audience: "innkeeper".to_owned(),
        jwks_url: None,
        algorithms: OidcAlgorithm::ALL.to_vec(),
        tenant_claim: Some("org".to_owned()),
        tenant_prefix: None,
        tenant: None,
        scopes: vec!["usage:read".to_owned()],
        scopes_claim: None,
        operator_claim: None,
        operator_value: None,
        max_token_age_ms: 1,
        insecure_http: false,
    };
    change(&mut config);
    Issuers::new(&[config], Arc::new(ManualClock::at(Timestamp::from_micros(0))))
}

/// The setting that is named as wrong.
fn named(change: impl FnOnce(&mut OidcConfig)) -> &'static str {
    match checked(change) {
        Err(error @ OidcError::Setting { setting, .. }) => {
            assert!(error.to_string().contains(setting), "{error}");
            setting
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_address_is_https_and_plain() {
    assert!(checked(|_| {}).is_ok());
    for bad in [
        "",
        "login.example",
        "http://login.example",
        "http://127.0.0.1:1",
        "ftp://login.example",
        "https://a@login.example",
        "https://login.example/#a",
        "https://login.example/?a=b",
    ] {
        assert_eq!(named(|config| bad.clone_into(&mut config.issuer)), "issuer", "{bad}");
    }
    for bad in ["", "http://login.example/keys", "https://:b@login.example/keys"] {
        assert_eq!(named(|config| config.jwks_url = Some(bad.to_owned())), "jwks_url", "{bad}");
    }
    assert!(checked(|config| config.jwks_url = Some("https://keys.example/?set=1".to_owned())).is_ok());
}

#[test]
fn http_is_for_loopback_alone() {
    let insecure = |issuer: &str| {
        checked(|config| {
            issuer.clone_into(&mut config.issuer);
            config.insecure_http = true;
        })
    };
    for good in ["http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:1/a", "http://localhost", "https://a.example"]
    {
        assert!(insecure(good).is_ok(), "{good}");
    }
    for bad in
        ["http://login.example", "http://0.0.0.0", "http://10.0.0.1", "http://localhost.example", "ftp://127.0.0.1"]
    {
        assert!(insecure(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_tenant_comes_from_one_place() {
    assert_eq!(named(|config| config.tenant_claim = None), "tenant_claim");
    assert_eq!(named(|config| config.tenant = Some("acme".to_owned())), "tenant");
    assert_eq!(named(|config| (config.tenant_claim, config.tenant) = (None, Some("Acme".to_owned()))), "tenant");
    let prefixed = |config: &mut OidcConfig| {
        (config.tenant_claim, config.tenant, config.tenant_prefix) =
            (None, Some("acme".to_owned()), Some("a-".to_owned()));
    };
    assert_eq!(named(prefixed), "tenant_prefix");
    assert!(checked(|config| (config.tenant_claim, config.tenant) = (None, Some("acme".to_owned()))).is_ok());
}

#[test]
fn what_would_never_or_always_fit_is_refused() {
    assert_eq!(named(|config| config.audience.clear()), "audience");
    assert_eq!(named(|config| config.tenant_claim = Some(String::new())), "tenant_claim");
    assert_eq!(named(|config| config.tenant_prefix = Some(String::new())), "tenant_prefix");
    assert_eq!(named(|config| config.scopes_claim = Some(String::new())), "scopes_claim");
    assert_eq!(named(|config| config.algorithms.clear()), "algorithms");
    assert_eq!(named(|config| config.scopes.clear()), "scopes");
    assert_eq!(named(|config| config.scopes = vec!["admin".to_owned()]), "scopes");
    assert_eq!(named(|config| config.max_token_age_ms = 0), "max_token_age_ms");
    assert_eq!(named(|config| config.operator_claim = Some("groups".to_owned())), "operator_value");
    assert_eq!(named(|config| config.operator_value = Some("ops".to_owned())), "operator_claim");
    let empty = |config: &mut OidcConfig| {
        (config.operator_claim, config.operator_value) = (Some("groups".to_owned()), Some(String::new()));
    };
    assert_eq!(named(empty), "operator_value");
}

#[tokio::test]
async fn an_issuer_is_there_once() {
    let server = IssuerServer::start().await;
    let twice = [config(&server), config(&server)];
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
    assert!(matches!(Issuers::new(&twice, clock.clone()), Err(OidcError::Twice(issuer)) if issuer == server.url));
    assert!(Issuers::new(&[], clock).is_ok());
}
