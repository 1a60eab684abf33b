//! The gate: from a request to who sent it and what it may do, the one way for every call of both listeners.
//!
//! 1. The credential, from its header. None, or a mistyped key: refused.
//! 2. A key that is known: in.
//! 3. An address that has sent too many wrong ones: turned away, unread.
//! 4. The key, or the token, verified.
//! 5. What the call needs: a tenant or an operator, a scope, and that calls do not come too fast.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use ipnet::IpNet;
use tracing::debug;

use super::address::{caller, client_address};
use super::credentials::{Credential, presented};
use super::failures::Failures;
use super::oidc::{Issuers, OidcError, ProvenOwner, Refused};
use super::rejection::Reason;
use super::tokens::{Tokens, is_ours};
use super::{Owner, Verified, Verifier, VerifyError};
use crate::admission::Rates;
use crate::config::{Config, RatesConfig};
use crate::domain::{Allowance, By, Clock, KeyId, KeyScope, RateClass, SessionId, Tenant, TenantId, Timestamp, Who};
use crate::metrics;
use crate::metrics::catalogue::{AUTH_ATTEMPTS, REJECTIONS};

/// How long a tenant's use of its rates is remembered: longer than any of them takes to fill up.
const RATES_IDLE: Duration = Duration::from_hours(24);

/// What every request comes through.
#[derive(Debug)]
pub struct Gate {
    verifier: Arc<Verifier>,
    tokens: Tokens,
    issuers: Issuers,
    failures: Failures,
    tenants: Rates<TenantId>,
    operators: Rates<KeyId>,
    rates: RatesConfig,
    proxies: Vec<IpNet>,
    clock: Arc<dyn Clock>,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) verified: Arc<Verified>,
    /// The one session it may ask for, when it came with a ticket.
    pub(super) session: Option<SessionId>,
    /// When what it came with ends, if that is before its key does.
    pub(super) expires_at: Option<Timestamp>,
    /// Where it came from.
    pub(super) address: IpAddr,
}

impl Gate {
    /// A gate that `verifier` and `tokens` serve.
    ///
    /// # Errors
    /// When an issuer's settings cannot be used; the message names the setting.
    pub fn new(
        config: &Config,
        verifier: Arc<Verifier>,
        tokens: Tokens,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OidcError> {
        Ok(Self {
            issuers: Issuers::new(&config.auth.oidc, Arc::clone(&clock))?,
            verifier,
            tokens,
            failures: Failures::new(config.auth.failures),
            tenants: Rates::new(RATES_IDLE),
            operators: Rates::new(RATES_IDLE),
            rates: config.rates,
            proxies: config.http.trusted_proxies.clone(),
            clock,
        })
    }

    /// What verifies keys.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// What issues tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Finds out who sent a request.
    pub(super) async fn identify(&self, parts: &Parts, ticket: Option<Credential>) -> Result<Caller, Reason> {
        let Some(credential) = presented(&parts.headers).or(ticket) else {
            AUTH_ATTEMPTS.one(["none", "refused"]);
            return Err(VerifyError::Refused.into());
        };
        let sort = if matches!(credential, Credential::Key(_)) { "key" } else { "token" };
        let address = client_address(parts, &self.proxies);
        if let Credential::Key(key) = &credential
            && let Some(verified) = self.verifier.known(key)
        {
            AUTH_ATTEMPTS.one([sort, "known"]);
            return Ok(Caller { verified, session: None, expires_at: None, address });
        }
        let identified = self.identify_unknown(&credential, address).await;
        AUTH_ATTEMPTS.one([sort, result(identified.as_ref().err())]);
        identified
    }

    async fn identify_unknown(&self, credential: &Credential, address: IpAddr) -> Result<Caller, Reason> {
        let with_key = |verified| Caller { verified, session: None, expires_at: None, address };
        if let Some(seconds) = self.failures.blocked(caller(address)) {
            return Err(Reason::TooManyFailures { seconds });
        }
        let verified = match credential {
            Credential::Key(key) => self.verifier.verify(key).await.map(with_key),
            Credential::Token(token) => self.with_token(token.expose(), address).await,
        };
        if let Err(VerifyError::Refused) = verified {
            self.failures.note(caller(address));
        }
        Ok(verified?)
    }

    async fn with_token(&self, token: &str, address: IpAddr) -> Result<Caller, VerifyError> {
        if !is_ours(token) {
            return self.with_identity(token, address).await;
        }
        let ticket = self.tokens.read(token, self.clock.now()).ok_or(VerifyError::Refused)?;
        let holder = if ticket.key.is_identity() {
            let owner = self.verifier.tenant(ticket.tenant).await?;
            Verified { key_id: ticket.key, owner, scopes: ticket.scopes }
        } else {
            self.verifier.holder(&ticket.key).await?
        };
        let is_its_tenant = matches!(&holder.owner, Owner::Tenant(tenant) if tenant.id == ticket.tenant);
        let scopes = holder.scopes.and(ticket.scopes).filter(|_| is_its_tenant).ok_or(VerifyError::Refused)?;
        let verified = Arc::new(Verified { scopes, ..holder });
        Ok(Caller { verified, session: ticket.session, expires_at: Some(ticket.expires_at), address })
    }

    /// Whom an issuer's token speaks for.
    async fn with_identity(&self, token: &str, address: IpAddr) -> Result<Caller, VerifyError> {
        let proven = self.issuers.verify(token).await.map_err(|refused| match refused {
            Refused::Invalid(reason) => {
                debug!(reason = &reason as &dyn std::error::Error, "an issuer's token proves nothing");
                VerifyError::Refused
            }
            Refused::Unavailable => VerifyError::Unavailable,
        })?;
        let owner = match &proven.owner {
            ProvenOwner::Tenant(name) => self.verifier.tenant_named(name).await?,
            ProvenOwner::Operator => Owner::Operator,
        };
        let key_id = KeyId::of_identity(&proven.issuer, &proven.subject);
        let verified = Arc::new(Verified { key_id, owner, scopes: proven.scopes });
        Ok(Caller { verified, session: None, expires_at: Some(proven.expires_at), address })
    }

    /// Whether a tenant's caller may make a call of this sort now.
    pub(super) fn admit_tenant(
        &self,
        caller: &Caller,
        scope: Option<KeyScope>,
        class: RateClass,
    ) -> Result<(Arc<Tenant>, Allowance), Reason> {
        let Owner::Tenant(tenant) = &caller.verified.owner else { return Err(VerifyError::Refused.into()) };
        let rate = self.rates.of(class, tenant.limits.rates.as_ref());
        let allowance = self.tenants.take(tenant.id, class, rate).map_err(|allowance| {
            REJECTIONS.one([&metrics::tenant(tenant.id), "rate"]);
            Reason::TooFast(allowance)
        })?;
        if let Some(missing) = scope.filter(|scope| !caller.verified.scopes.contains(*scope)) {
            REJECTIONS.one([&metrics::tenant(tenant.id), "scope"]);
            return Err(Reason::WrongScope { missing, allowance });
        }
        Ok((Arc::clone(tenant), allowance))
    }

    /// Whether an operator's caller may make a call now, and how the audit is to name it.
    pub(super) fn admit_operator(&self, caller: &Caller) -> Result<(By, Allowance), Reason> {
        let Owner::Operator = caller.verified.owner else { return Err(VerifyError::Refused.into()) };
        let key = caller.verified.key_id.clone();
        let rate = self.rates.of(RateClass::Admin, None);
        let allowance = self.operators.take(key.clone(), RateClass::Admin, rate).map_err(Reason::TooFast)?;
        Ok((By { who: Who::Key(key), from: Some(caller.address), at: self.clock.now() }, allowance))
    }
}

/// What came of a credential that was not known, as a label.
fn result(refused: Option<&Reason>) -> &'static str {
    match refused {
        None => "ok",
        Some(Reason::TooManyFailures { .. }) => "blocked",
        Some(Reason::Verify(VerifyError::Busy(_))) => "busy",
        Some(Reason::Verify(VerifyError::Unavailable | VerifyError::Store(_))) => "unavailable",
        Some(_) => "refused",
    }
}
