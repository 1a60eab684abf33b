//! The permissions as arguments of handlers.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use axum::extract::{FromRef, FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;

use super::Gate;
use super::credentials::{Credential, is_token};
use super::gate::Caller;
use super::rejection::{Audience, Reason, Rejection};
use super::{Access, Owner, VerifyError};
use crate::api::ApiState;
use crate::domain::{Allowance, By, KeyId, KeyScope, KeyScopes, RateClass, Secret, SessionId, Tenant, Timestamp};
use crate::net::BodyClaim;
use crate::telemetry;

/// Proof that the caller may do what `A` says as a tenant. An operator's key is refused: operators act on tenants, not as
/// tenants.
#[derive(Clone, Debug)]
pub struct TenantCaller<A> {
    /// Whose key it was.
    pub tenant: Arc<Tenant>,
    /// The key's public part.
    pub key: KeyId,
    /// What the key opens.
    pub scopes: KeyScopes,
    /// When what the caller came with ends, if that is before the key does: a token is not to buy a longer one.
    pub expires_at: Option<Timestamp>,
    access: PhantomData<A>,
}

/// Proof that the caller may look at a session: all of a tenant's, or with a ticket a single one.
#[derive(Clone, Debug)]
pub struct SessionCaller {
    tenant: Arc<Tenant>,
    session: Option<SessionId>,
}

/// Proof that the caller is an operator.
#[derive(Clone, Debug)]
pub struct OperatorCaller {
    /// Who, from where and when: what the audit wants of every change.
    pub by: By,
}

/// Where a request's rate is noted, for the headers of its answer.
pub(in crate::api) type RateNote = Arc<OnceLock<Allowance>>;

/// A ticket in the address, for clients that cannot set a header.
#[derive(Deserialize)]
struct InQuery {
    ticket: Option<String>,
}

impl SessionCaller {
    /// The tenant, for a caller that may look at its session `id`.
    pub fn tenant_of(&self, id: SessionId) -> Option<&Tenant> {
        self.session.is_none_or(|only| only == id).then_some(&*self.tenant)
    }
}

impl<S, A> FromRequestParts<S> for TenantCaller<A>
where
    Arc<Gate>: FromRef<S>,
    S: Send + Sync,
    A: Access,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let audience = Audience::of_tenants(parts.uri.path());
        let rejection = |reason| Rejection { audience, reason };
        let gate = Arc::<Gate>::from_ref(state);
        let caller = identify(&gate, parts, None).await.map_err(rejection)?;
        if caller.session.is_some() {
            return Err(rejection(Reason::OneSession));
        }
        let tenant = admit(parts, gate.admit_tenant(&caller, A::SCOPE, A::CLASS));
        let tenant = tenant.map_err(rejection)?;
        let Caller { verified, expires_at, .. } = caller;
        Ok(Self { tenant, key: verified.key_id.clone(), scopes: verified.scopes, expires_at, access: PhantomData })
    }
}

impl<S> FromRequestParts<S> for SessionCaller
where
    Arc<Gate>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let audience = Audience::of_tenants(parts.uri.path());
        let rejection = |reason| Rejection { audience, reason };
        let gate = Arc::<Gate>::from_ref(state);
        let caller = identify(&gate, parts, ticket(parts)).await.map_err(rejection)?;
        let scope = Some(KeyScope::SessionsRead);
        let tenant = admit(parts, gate.admit_tenant(&caller, scope, RateClass::Read));
        Ok(Self { tenant: tenant.map_err(rejection)?, session: caller.session })
    }
}

impl<S> FromRequestParts<S> for OperatorCaller
where
    Arc<Gate>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let rejection = |reason| Rejection { audience: Audience::Operators, reason };
        let gate = Arc::<Gate>::from_ref(state);
        let caller = gate.identify(Audience::Operators, parts, None).await.map_err(rejection)?;
        let by = admit(parts, gate.admit_operator(&caller)).map_err(rejection)?;
        Ok(Self { by })
    }
}

impl FromRef<ApiState> for Arc<Gate> {
    fn from_ref(state: &ApiState) -> Self {
        Self::clone(&state.gate)
    }
}

/// Finds out who sent a request, and has its log lines say so.
async fn identify(gate: &Gate, parts: &Parts, ticket: Option<Credential>) -> Result<Caller, Reason> {
    let caller = gate.identify(Audience::Tenants, parts, ticket).await?;
    if let Owner::Tenant(tenant) = &caller.verified.owner {
        telemetry::note_tenant(tenant.id);
        if let Some(claim) = parts.extensions.get::<BodyClaim>() {
            claim.charge_to(tenant.id.as_u128());
        }
    }
    Ok(caller)
}

/// Notes how a caller's rate stands, whether it is let in or not.
fn admit<T>(parts: &Parts, admitted: Result<(T, Allowance), Reason>) -> Result<T, Reason> {
    let (answer, allowance) = match admitted {
        Ok((admitted, allowance)) => (Ok(admitted), Some(allowance)),
        Err(reason @ (Reason::TooFast(allowance) | Reason::WrongScope { allowance, .. })) => {
            (Err(reason), Some(allowance))
        }
        Err(reason) => (Err(reason), None),
    };
    if let Some((note, allowance)) = parts.extensions.get::<RateNote>().zip(allowance) {
        // Of two callers of one request the first one counts.
        let _ = note.set(allowance);
    }
    answer
}

/// The ticket in a request's address. Only that: a key or a token there would end up in logs and histories.
fn ticket(parts: &Parts) -> Option<Credential> {
    let Query(InQuery { ticket }) = Query::try_from_uri(&parts.uri).ok()?;
    ticket.filter(|ticket| is_token(ticket)).map(|ticket| Credential::Ticket(Secret::new(ticket)))
}

impl From<VerifyError> for Reason {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}
