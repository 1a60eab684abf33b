//! Identities at the gate: whom an issuer's token lets in, and by what name.

use std::sync::Arc;

use http::request::Parts;

use super::server::IssuerServer;
use super::{NOW, Signer, Value, change, config, json};
use crate::api::auth::rejection::Audience;
use crate::api::auth::{Gate, Owner, Tokens, Verifier};
use crate::config::Config;
use crate::domain::clock::ManualClock;
use crate::domain::{By, KeyScope, RateClass, Tenant, TenantId, TenantLimits, TenantState, Timestamp};
use crate::lifecycle::Tasks;
use crate::store::Store;

/// An installation with one tenant and one issuer.
struct Door {
    gate: Gate,
    server: IssuerServer,
    signer: Signer,
    _directory: tempfile::TempDir,
}

impl Door {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(NOW * 1_000_000)));
        let (signer, server) = (Signer::es("one"), IssuerServer::start().await);
        server.publish(&[&signer]);
        let mut settings = Config::load(None).unwrap();
        let mut issuer = config(&server);
        (issuer.operator_claim, issuer.operator_value) = (Some("groups".to_owned()), Some("keepers".to_owned()));
        settings.auth.oidc = vec![issuer];
        let tenant = Tenant {
            id: TenantId::generate(),
            name: "acme".to_owned(),
            roots: Vec::new(),
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
        };
        store.tenants().create(&tenant, &By::test()).await.unwrap();
        let verifier = Arc::new(Verifier::new(store, clock.clone(), &settings.auth, &Tasks::new()));
        let tokens = Tokens::open(&directory.path().join("tokens.key")).unwrap();
        let gate = Gate::new(&settings, verifier, tokens, clock).unwrap();
        Self { gate, server, signer, _directory: directory }
    }

    /// A request with a token of these claims.
    fn request(&self, changes: &Value) -> Parts {
        let mut claims = json!({
            "iss": self.server.url, "aud": "innkeeper", "sub": "user-1", "org": "acme", "iat": NOW, "exp": NOW + 600,
        });
        change(&mut claims, changes);
        let request = http::Request::get("/").header("authorization", format!("Bearer {}", self.signer.token(&claims)));
        request.body(()).unwrap().into_parts().0
    }
}

#[tokio::test]
async fn an_identity_comes_in_as_the_tenant_its_issuer_names() {
    let door = Door::new().await;
    let caller = door.gate.identify(Audience::Tenants, &door.request(&json!({})), None).await.unwrap();
    assert_eq!(caller.verified.key_id.as_str(), format!("oidc:{}#user-1", door.server.url));
    let (tenant, _) = door.gate.admit_tenant(&caller, Some(KeyScope::SessionsWrite), RateClass::Create).unwrap();
    assert_eq!(tenant.name, "acme");
    assert!(door.gate.admit_operator(&caller).is_err(), "a tenant's identity is an operator");
    for changes in [json!({"org": "other"}), json!({"aud": "else"}), json!({"exp": NOW - 60})] {
        assert!(door.gate.identify(Audience::Tenants, &door.request(&changes), None).await.is_err(), "{changes}");
    }
}

#[tokio::test]
async fn an_operator_s_identity_is_named_in_the_audit() {
    let door = Door::new().await;
    let caller =
        door.gate.identify(Audience::Tenants, &door.request(&json!({"groups": ["keepers"]})), None).await.unwrap();
    assert!(matches!(caller.verified.owner, Owner::Operator));
    let (by, _) = door.gate.admit_operator(&caller).unwrap();
    assert_eq!(by.who.to_string(), format!("oidc:{}#user-1", door.server.url));
    assert!(door.gate.admit_tenant(&caller, None, RateClass::Read).is_err(), "an operator acts as a tenant");
}
