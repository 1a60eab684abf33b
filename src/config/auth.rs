//! `[auth]`: keys, and the issuers whose tokens are taken where a key is.

use serde::Deserialize;

use crate::domain::Rate;

/// How callers are verified.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// How long a verified key is believed without reading its record again.
    pub cache_ttl_ms: u64,
    /// Wrong keys that may come from one address.
    pub failures: Rate,
    /// The issuers whose tokens are taken where a key is.
    pub oidc: Vec<OidcConfig>,
}

/// One issuer, and what its tokens open. An entry of a list has no layer of defaults below it, so they are here.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Its address, as its tokens' `iss` has it to the letter.
    pub issuer: String,
    /// The audience its tokens for this server are for.
    pub audience: String,
    /// Where its keys are; discovered when absent.
    pub jwks_url: Option<String>,
    /// The algorithms its tokens may be signed with.
    #[serde(default = "all_algorithms")]
    pub algorithms: Vec<OidcAlgorithm>,
    /// The claim whose text is the tenant's name.
    pub tenant_claim: Option<String>,
    /// What stands before the tenant's name in that claim.
    pub tenant_prefix: Option<String>,
    /// The name of the one tenant of all its tokens.
    pub tenant: Option<String>,
    /// The most a token opens.
    #[serde(default = "all_scopes")]
    pub scopes: Vec<String>,
    /// The claim that says what a token opens of that.
    pub scopes_claim: Option<String>,
    /// The claim that tells operators from tenants.
    pub operator_claim: Option<String>,
    /// What that claim holds for operators.
    pub operator_value: Option<String>,
    /// The longest time between a token's issue and its expiry.
    #[serde(default = "one_day_ms")]
    pub max_token_age_ms: u64,
    /// Whether addresses on loopback may be asked without TLS.
    #[serde(default)]
    pub insecure_http: bool,
}

/// An algorithm a token may be signed with. Those that share a secret with the issuer are not among them.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum OidcAlgorithm {
    /// RSA with PKCS #1 v1.5 and SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl OidcAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The algorithm's name in tokens and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

fn all_algorithms() -> Vec<OidcAlgorithm> {
    OidcAlgorithm::ALL.to_vec()
}

fn all_scopes() -> Vec<String> {
    ["sessions:read", "sessions:write", "usage:read"].map(str::to_owned).to_vec()
}

const fn one_day_ms() -> u64 {
    24 * 60 * 60 * 1_000
}
