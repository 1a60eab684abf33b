//! The gate: from a request to who sent it and what it may do, the one way for every call of both listeners.
//!
//! 1. The credential, from its header. None, or a mistyped key: refused, and nothing else.
//! 2. A key that is known: in.
//! 3. Whatever proves itself cheaply (a signature, a digest that was seen before): verified, wherever it comes from.
//! 4. Any other key: hashed. For an address that has sent too many wrong ones only if the key's id exists, and at a bounded
//!    rate; otherwise it is turned away. Each listener counts by itself.
//! 5. What the call needs: a tenant or an operator, a scope, and that calls do not come too fast.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use ipnet::IpNet;
use tracing::debug;

use super::address::{caller, client_address, connected_address};
use super::credentials::{Credential, presented};
use super::failures::Failures;
use super::oidc::{Issuers, OidcError, ProvenOwner, Refused};
use super::rejection::{Audience, Reason};
use super::tokens::{Tokens, is_ours};
use super::undeclared_proxies::UndeclaredProxies;
use super::verifier::Cost;
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
    /// The wrong credentials of each listener.
    tenants_failures: Failures,
    operators_failures: Failures,
    tenants: Rates<TenantId>,
    operators: Rates<KeyId>,
    rates: RatesConfig,
    proxies: Vec<IpNet>,
    undeclared: UndeclaredProxies,
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
            tenants_failures: Failures::new(config.auth.failures),
            operators_failures: Failures::new(config.auth.failures),
            tenants: Rates::new(RATES_IDLE),
            operators: Rates::new(RATES_IDLE),
            rates: config.rates,
            proxies: config.http.trusted_proxies.clone(),
            undeclared: UndeclaredProxies::new(),
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

    /// Finds out who sent a request to the listener of `audience`.
    pub(super) async fn identify(
        &self,
        audience: Audience,
        parts: &Parts,
        ticket: Option<Credential>,
    ) -> Result<Caller, Reason> {
        let Some(credential) = presented(&parts.headers).or(ticket) else {
            AUTH_ATTEMPTS.one(["none", "refused"]);
            return Err(VerifyError::Refused.into());
        };
        let kind = if matches!(credential, Credential::Key(_)) { "key" } else { "token" };
        let connected = connected_address(parts);
        let is_declared = self.proxies.iter().any(|network| network.contains(&connected));
        self.undeclared.notice(connected, is_declared, &parts.headers);
        let address = client_address(parts, &self.proxies);
        if let Credential::Key(key) = &credential
            && let Some(verified) = self.verifier.known(key)
        {
            AUTH_ATTEMPTS.one([kind, "known"]);
            return Ok(Caller { verified, session: None, expires_at: None, address });
        }
        let failures = match audience {
            Audience::Tenants | Audience::Account => &self.tenants_failures,
            Audience::Operators => &self.operators_failures,
        };
        let identified = self.identify_unknown(failures, &credential, address).await;
        AUTH_ATTEMPTS.one([kind, result(identified.as_ref().err())]);
        identified
    }

    async fn identify_unknown(
        &self,
        failures: &Failures,
        credential: &Credential,
        address: IpAddr,
    ) -> Result<Caller, Reason> {
        let turned_away = failures.blocked(caller(address)).map(|seconds| Reason::TooManyFailures { seconds });
        let verified = match credential {
            Credential::Key(key) => {
                let may_verify = match self.verifier.cost(key) {
                    Cost::Nothing => true,
                    Cost::Hash => turned_away.is_none() || failures.may_hash(key.id()),
                    Cost::LookUp => turned_away.is_none(),
                };
                if may_verify {
                    let verified = self.verifier.verify(key).await;
                    verified.map(|verified| Caller { verified, session: None, expires_at: None, address })
                } else {
                    Err(VerifyError::Refused)
                }
            }
            Credential::Token(token) if is_ours(token.expose()) => self.with_token(token.expose(), address).await,
            Credential::Token(token) => self.with_identity(token.expose(), address).await,
            Credential::Ticket(ticket) => {
                let caller = self.with_token(ticket.expose(), address).await;
                caller.and_then(|caller| caller.session.map(|_| caller).ok_or(VerifyError::Refused))
            }
        };
        match verified {
            Err(VerifyError::Refused) => {
                failures.note(caller(address));
                Err(turned_away.unwrap_or(VerifyError::Refused.into()))
            }
            verified => Ok(verified?),
        }
    }

    async fn with_token(&self, token: &str, address: IpAddr) -> Result<Caller, VerifyError> {
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

    /// Whether a tenant's caller may make a call of this kind now.
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
