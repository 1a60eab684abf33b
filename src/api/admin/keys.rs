//! `/admin/v1/tenants/{id}/keys` and `/admin/v1/keys/{id}`: the keys of tenants.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tenants::find_tenant;
use super::{AdminError, ErrorBody};
use crate::api::ApiState;
use crate::api::auth::{Issued, NewKey, OperatorCaller, issue_key, revoke_key, rotate_key};
use crate::domain::{Key, KeyId, KeyOwner, TenantId, Timestamp};

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

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// The key's public part, which names it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it opens nothing; null when it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked; null when it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// Keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// The keys, oldest first.
    pub data: Vec<KeyView>,
}

/// How a key is to be rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RotateKey {
    /// For how many hours the old key still opens what it opened.
    overlap_hours: u32,
}

impl From<Key> for KeyView {
    fn from(key: Key) -> Self {
        Self {
            id: key.id.as_str().to_owned(),
            name: key.name,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

impl FromIterator<Key> for KeyList {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self { data: keys.into_iter().map(KeyView::from).collect() }
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
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
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
    let tenant = find_tenant(&state.store, &id).await?;
    let new = NewKey { owner: KeyOwner::Tenant(tenant.id), name: new.name, expires_in_days: new.expires_in_days };
    let issued = issue_key(&state.store, &*state.clock, state.keys.hasher(), new).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(issued.into())))
}

/// List a tenant's keys.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/keys", tag = "admin", operation_id = "list_tenant_keys",
    params(("id" = String, Path, description = "The tenant's id")),
    responses(
        (status = OK, description = "The keys, oldest first, those that open nothing any more too", body = KeyList),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn list(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<KeyList>, AdminError> {
    let tenant = find_tenant(&state.store, &id).await?;
    Ok(Json(state.store.keys().list(KeyOwner::Tenant(tenant.id)).await?.into_iter().collect()))
}

/// Revoke a key. It opens nothing from this moment on.
#[utoipa::path(
    delete, path = "/admin/v1/keys/{id}", tag = "admin", operation_id = "revoke_key",
    params(("id" = String, Path, description = "The key's public part")),
    responses(
        (status = NO_CONTENT, description = "It opens nothing any more"),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such key", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn revoke(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, AdminError> {
    let id = KeyId::new(id);
    revoke_key(&state.store, &*state.clock, &id).await?.ok_or(NO_KEY)?;
    state.keys.forget(&id);
    Ok(StatusCode::NO_CONTENT)
}

/// Issue a key in the place of another, which opens nothing any more after an overlap.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/rotate", tag = "admin", operation_id = "rotate_key", request_body = RotateKey,
    params(("id" = String, Path, description = "The old key's public part")),
    responses(
        (status = CREATED, description = "The new key, shown this once", body = IssuedKeyView),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such key, or it opens nothing any more", body = ErrorBody),
        (status = SERVICE_UNAVAILABLE, description = "Too many keys are being hashed", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn rotate(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    body: Result<Json<RotateKey>, JsonRejection>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<IssuedKeyView>), AdminError> {
    let Json(how) = body?;
    let old = state.store.keys().find(&KeyId::new(id)).await?;
    let old = old.filter(|key| key.is_valid_at(state.clock.now())).ok_or(NO_KEY)?;
    let hasher = state.keys.hasher();
    let issued = rotate_key(&state.store, &*state.clock, hasher, &old, how.overlap_hours).await?;
    state.keys.forget(&old.id);
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(issued.into())))
}

const NO_KEY: AdminError = AdminError::NotFound("there is no such key");
