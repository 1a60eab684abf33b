//! `GET /v1/me`: who a key speaks for, and what that tenant may use.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::admin::ErrorBody;
use crate::api::auth::{AnyKey, TenantCaller};
use crate::domain::{KeyScope, KeyScopes, TenantId, TenantLimits, TenantState};

/// Who a key speaks for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The tenant's id.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// The tenant's name.
    tenant: String,
    /// `active` or `suspended`.
    state: TenantState,
    /// The public part of the key that asks.
    key_id: String,
    /// What the key opens.
    #[schema(value_type = Vec<KeyScope>)]
    scopes: KeyScopes,
    /// What the tenant may use, where that differs from what the installation gives everybody.
    limits: TenantLimits,
}

/// Show who the key speaks for.
#[utoipa::path(
    get, path = "/v1/me", tag = "account", operation_id = "get_me",
    responses(
        (status = OK, description = "Who the key speaks for", body = Me),
        (status = UNAUTHORIZED, description = "No valid key; the message says how to send one", body = ErrorBody),
    ),
    security(("x-api-key" = []), ("bearer" = []), ("basic" = [])),
)]
pub(super) async fn me(caller: TenantCaller<AnyKey>) -> Json<Me> {
    let tenant = &caller.tenant;
    Json(Me {
        tenant_id: tenant.id,
        tenant: tenant.name.clone(),
        state: tenant.state,
        key_id: caller.key.to_string(),
        scopes: caller.scopes,
        limits: tenant.limits.clone(),
    })
}
