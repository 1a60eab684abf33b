//! The settings of one issuer, checked once, so that what verifies tokens can rely on them.

use std::net::IpAddr;

use reqwest::Url;

use crate::config::{OidcAlgorithm, OidcConfig};
use crate::domain::{KeyScopes, Tenant};

/// Settings of an issuer that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// A setting is wrong.
    #[error("the settings cannot be used: `{setting}` of the `auth.oidc` with the issuer `{issuer}` {problem}")]
    Setting {
        /// The entry's issuer.
        issuer: String,
        /// The setting.
        setting: &'static str,
        /// What is wrong with it, and how it would be right.
        problem: String,
    },
    /// Two entries have the same issuer, so a token's `iss` would not say which is meant.
    #[error("the settings cannot be used: there are two `auth.oidc` with the issuer `{0}`; leave one")]
    Twice(String),
    /// The HTTP client cannot be made.
    #[error("the HTTP client for the keys of issuers cannot be made")]
    Client(#[source] reqwest::Error),
}

/// An issuer's settings that can be used.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) keys_at: KeysAt,
    pub(super) algorithms: Vec<OidcAlgorithm>,
    pub(super) tenant: TenantFrom,
    pub(super) scopes: KeyScopes,
    pub(super) scopes_claim: Option<String>,
    /// A claim's name, and the value in it that makes a token an operator's.
    pub(super) operator: Option<(String, String)>,
    pub(super) max_token_age_ms: i64,
    pub(super) insecure_http: bool,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub(super) enum KeysAt {
    /// At this address.
    Url(Url),
    /// Where the document at this address says.
    Discovered(Url),
}

/// Where a tenant's name comes from.
#[derive(Debug)]
pub(super) enum TenantFrom {
    Claim { name: String, prefix: String },
    Fixed(String),
}

/// What is wrong with which setting.
type Problem = (&'static str, String);

impl Settings {
    pub(super) fn new(config: &OidcConfig) -> Result<Self, OidcError> {
        Self::check(config).map_err(|(setting, problem)| {
            let issuer = config.issuer.clone();
            OidcError::Setting { issuer, setting, problem }
        })
    }

    fn check(config: &OidcConfig) -> Result<Self, Problem> {
        let wrong = |setting, problem: &str| (setting, problem.to_owned());
        let keys_at = keys_at(config)?;
        let texts = [
            ("audience", Some(&config.audience)),
            ("tenant_claim", config.tenant_claim.as_ref()),
            ("tenant_prefix", config.tenant_prefix.as_ref()),
            ("scopes_claim", config.scopes_claim.as_ref()),
            ("operator_claim", config.operator_claim.as_ref()),
            ("operator_value", config.operator_value.as_ref()),
        ];
        if let Some((setting, _)) = texts.into_iter().find(|(_, text)| text.is_some_and(String::is_empty)) {
            return Err(wrong(setting, "is empty; give it a value, or leave it out if it may be left out"));
        }
        if config.algorithms.is_empty() {
            return Err(wrong("algorithms", "is empty; list RS256, ES256 or EdDSA, or leave it out for all three"));
        }
        let operator = match (&config.operator_claim, &config.operator_value) {
            (Some(claim), Some(value)) => Some((claim.clone(), value.clone())),
            (None, None) => None,
            (Some(_), None) => return Err(wrong("operator_value", "is missing beside `operator_claim`")),
            (None, Some(_)) => return Err(wrong("operator_claim", "is missing beside `operator_value`")),
        };
        let max_token_age_ms = i64::try_from(config.max_token_age_ms).unwrap_or(i64::MAX);
        if max_token_age_ms == 0 {
            return Err(wrong("max_token_age_ms", "is 0, and no token would be taken; give a time"));
        }
        Ok(Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            keys_at,
            algorithms: config.algorithms.clone(),
            tenant: tenant_from(config)?,
            scopes: KeyScopes::of_tenant(&config.scopes).map_err(|error| ("scopes", format!("is wrong: {error}")))?,
            scopes_claim: config.scopes_claim.clone(),
            operator,
            max_token_age_ms,
            insecure_http: config.insecure_http,
        })
    }
}

fn keys_at(config: &OidcConfig) -> Result<KeysAt, Problem> {
    let issuer = address(&config.issuer, config.insecure_http).map_err(|problem| ("issuer", problem.to_owned()))?;
    if issuer.query().is_some() {
        return Err(("issuer", "has a `?`, which an issuer's address has not".to_owned()));
    }
    if let Some(url) = &config.jwks_url {
        let url = address(url, config.insecure_http).map_err(|problem| ("jwks_url", problem.to_owned()))?;
        return Ok(KeysAt::Url(url));
    }
    let mut url = issuer;
    let path = format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(KeysAt::Discovered(url))
}

fn tenant_from(config: &OidcConfig) -> Result<TenantFrom, Problem> {
    match (&config.tenant_claim, &config.tenant) {
        (Some(name), None) => {
            let prefix = config.tenant_prefix.clone().unwrap_or_default();
            Ok(TenantFrom::Claim { name: name.clone(), prefix })
        }
        (None, Some(_)) if config.tenant_prefix.is_some() => {
            Err(("tenant_prefix", "is for `tenant_claim` alone; leave it out beside `tenant`".to_owned()))
        }
        (None, Some(tenant)) => match Tenant::check_name(tenant) {
            Ok(()) => Ok(TenantFrom::Fixed(tenant.clone())),
            Err(error) => Err(("tenant", format!("is no name of a tenant: {error}"))),
        },
        (Some(_), Some(_)) => Err(("tenant", "is there beside `tenant_claim`; leave one of the two".to_owned())),
        (None, None) => Err(("tenant_claim", "is missing, and `tenant` is too; give one of the two".to_owned())),
    }
}

/// Reads an address that keys may come from. Who can change what is read on the way can sign tokens, so it is https; a
/// way that does not leave the machine is allowed to be http by `insecure_http`, and no other.
pub(super) fn address(text: &str, insecure_http: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no address; write it as https://HOST/PATH")?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("has a user, a password or a `#`; leave them out");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if insecure_http && is_loopback(&url) => Ok(url),
        "http" if insecure_http => Err("is http to another machine, which `insecure_http` does not allow; use https"),
        _ => Err("is not https"),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
