//! Tokens as callers send them, and an issuer in the test's process. Tokens are signed by hand, so that they can be wrong in
//! any way, and the library that checks them is not the one that made them.

mod claims;
mod gate;
mod header;
mod keeping;
mod key_set;
mod server;
mod settings;
mod signer;

use std::sync::Arc;

use serde_json::{Value, json};

use self::server::IssuerServer;
use self::signer::Signer;
use super::{Issuers, Proven, ProvenOwner, Reason, Refused};
use crate::config::{OidcAlgorithm, OidcConfig};
use crate::domain::clock::ManualClock;
use crate::domain::{KeyScopes, Timestamp};

/// The second at which tests begin.
const NOW: i64 = 1_795_512_600;

/// An issuer, a clock, and what verifies the issuer's tokens.
struct Fixture {
    server: IssuerServer,
    clock: ManualClock,
    issuers: Issuers,
}

impl Fixture {
    /// With an issuer that publishes the keys of `signers`.
    async fn new(signers: &[&Signer]) -> Self {
        Self::with(signers, |_| {}).await
    }

    /// With settings that `change` changes.
    async fn with(signers: &[&Signer], change: impl FnOnce(&mut OidcConfig)) -> Self {
        let server = IssuerServer::start().await;
        server.publish(signers);
        let mut config = config(&server);
        change(&mut config);
        let clock = ManualClock::at(Timestamp::from_micros(NOW * 1_000_000));
        let issuers = Issuers::new(&[config], Arc::new(clock.clone())).unwrap();
        Self { server, clock, issuers }
    }

    /// The claims of a good token, with those of `changes`; `null` takes one away.
    fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({
            "iss": self.server.url, "aud": "innkeeper", "sub": "user-1", "org": "acme", "iat": NOW, "exp": NOW + 600,
        });
        change(&mut claims, changes);
        claims
    }

    async fn verify(&self, signer: &Signer, changes: &Value) -> Result<Proven, Refused> {
        self.issuers.verify(&signer.token(&self.claims(changes))).await
    }

    /// Why a token with these changes of claims is invalid.
    async fn flaw(&self, signer: &Signer, changes: &Value) -> Option<Reason> {
        flaw(self.verify(signer, changes).await)
    }
}

/// The settings for the issuer at `server`.
fn config(server: &IssuerServer) -> OidcConfig {
    OidcConfig {
        issuer: server.url.clone(),
        audience: "innkeeper".to_owned(),
        jwks_url: Some(format!("{}/keys", server.url)),
        algorithms: OidcAlgorithm::ALL.to_vec(),
        tenant_claim: Some("org".to_owned()),
        tenant_prefix: None,
        tenant: None,
        scopes: ["sessions:read", "sessions:write", "usage:read"].map(str::to_owned).to_vec(),
        scopes_claim: None,
        operator_claim: None,
        operator_value: None,
        max_token_age_ms: 86_400_000,
        insecure_http: true,
    }
}

fn change(object: &mut Value, changes: &Value) {
    let object = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}

fn flaw(verified: Result<Proven, Refused>) -> Option<Reason> {
    match verified.err()? {
        Refused::Invalid(reason) => Some(reason),
        Refused::Unavailable => None,
    }
}
