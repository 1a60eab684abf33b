//! The permissions as arguments of handlers.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use super::credentials::presented;
use super::rejection::{Audience, Rejection};
use super::{Owner, Verified, Verifier, VerifyError};
use crate::api::ApiState;
use crate::domain::{KeyId, Tenant};

/// Proof that the caller sent a tenant's key. An operator's key is refused: operators act on tenants, not as tenants.
#[derive(Clone, Debug)]
pub struct TenantCaller {
    /// Whose key it was.
    pub tenant: Arc<Tenant>,
    /// The key's public part.
    pub key: KeyId,
}

/// Proof that the caller sent an operator's key.
#[derive(Clone, Debug)]
pub struct OperatorCaller {
    /// The key's public part.
    pub key: KeyId,
}

impl<S> FromRequestParts<S> for TenantCaller
where
    Arc<Verifier>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let rejection = |reason| Rejection { audience: Audience::Tenants, reason };
        let verified = verified(parts, FromRef::from_ref(state)).await.map_err(rejection)?;
        match &verified.owner {
            Owner::Tenant(tenant) => Ok(Self { tenant: Arc::clone(tenant), key: verified.key_id.clone() }),
            Owner::Operator => Err(rejection(VerifyError::Refused)),
        }
    }
}

impl<S> FromRequestParts<S> for OperatorCaller
where
    Arc<Verifier>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let rejection = |reason| Rejection { audience: Audience::Operators, reason };
        let verified = verified(parts, FromRef::from_ref(state)).await.map_err(rejection)?;
        match verified.owner {
            Owner::Operator => Ok(Self { key: verified.key_id.clone() }),
            Owner::Tenant(_) => Err(rejection(VerifyError::Refused)),
        }
    }
}

impl FromRef<ApiState> for Arc<Verifier> {
    fn from_ref(state: &ApiState) -> Self {
        Self::clone(&state.keys)
    }
}

async fn verified(parts: &Parts, keys: Arc<Verifier>) -> Result<Arc<Verified>, VerifyError> {
    let key = presented(&parts.headers).ok_or(VerifyError::Refused)?;
    keys.verify(&key).await
}
