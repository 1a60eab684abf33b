//! `/admin/v1/tenants/{id}/keys`: the keys of a tenant.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, ErrorBody};
use crate::api::ApiState;
use crate::api::auth::{Issued, NewKey, OperatorCaller, issue_key};
use crate::domain::{KeyOwner, TenantId, Timestamp};

/// A key to be issued.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateKey {
    /// What the key is called in lists: 1 to 100 characters.
    #[schema(example = "CI of the web team")]
    name: String,
    /// After how many days it opens nothing any more. Left out: it does not expire.
    #[schema(minimum = 1)]
    expires_in_days: Option<u32>,
}

/// A key that was just issued: the only time it is shown. Not printable, so that no log shows it a second time.
#[derive(Serialize, ToSchema)]
pub struct IssuedKeyView {
    /// The key's public part, which names it.
    pub id: String,
    /// The key itself. It is stored hashed and cannot be shown again.
    #[schema(example = "ink_live_...")]
    pub key: String,
    /// What it is called.
    pub name: String,
    /// The tenant it speaks for; null for a key of the operators.
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it opens nothing; null when it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl From<Issued> for IssuedKeyView {
    fn from(Issued { plain, record }: Issued) -> Self {
        let tenant_id = match record.owner {
            KeyOwner::Tenant(tenant) => Some(tenant),
            KeyOwner::Operator => None,
        };
        Self {
            id: record.id.as_str().to_owned(),
            key: plain.expose().to_owned(),
            name: record.name,
            tenant_id,
            created_at: record.created_at,
            expires_at: record.expires_at,
        }
    }
}

/// Issue a key of a tenant.
#[utoipa::path(
    post,
    path = "/admin/v1/tenants/{id}/keys",
    tag = "admin",
    operation_id = "create_tenant_key",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body = CreateKey,
    responses(
        (status = CREATED, description = "The key, shown this once", body = IssuedKeyView),
        (status = BAD_REQUEST, description = "The name or the lifetime cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
        (status = SERVICE_UNAVAILABLE, description = "Too many keys are being hashed", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn create(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    body: Result<Json<CreateKey>, JsonRejection>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<IssuedKeyView>), AdminError> {
    let Json(new) = body?;
    let missing = AdminError::NotFound("there is no such tenant");
    let Ok(id) = id.parse::<TenantId>() else { return Err(missing) };
    let tenant = state.store.tenants().find(id).await?.ok_or(missing)?;
    let new = NewKey { owner: KeyOwner::Tenant(tenant.id), name: new.name, expires_in_days: new.expires_in_days };
    let issued = issue_key(&state.store, &*state.clock, state.keys.hasher(), new).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(issued.into())))
}
