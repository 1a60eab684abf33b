//! `/admin/v1/tenants/{id}/keys` and `/admin/v1/keys/{id}`: the keys of tenants.

use axum::Json;
use axum::extract::{Path, State};
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};

use super::key_views::{CreateKey, ExpireKey, RotateKey};
use super::tenants::find_tenant;
use super::{AdminError, ErrorBody, IssuedKeyView, KeyList, KeyView, moment};
use crate::api::ApiState;
use crate::api::auth::{NewKey, OperatorCaller, issue_key, rotate_key};
use crate::api::input::JsonBody;
use crate::domain::{By, KeyId, KeyOwner};

/// Issue a key of a tenant.
#[utoipa::path(
    post,
    path = "/admin/v1/tenants/{id}/keys",
    tag = "admin",
    operation_id = "create_tenant_key",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body(content = CreateKey, example = json!({"name": "CI of the web team", "scopes": ["sessions:read", "sessions:write"]})),
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
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(new): JsonBody<CreateKey>,
) -> Result<Shown, AdminError> {
    let tenant = find_tenant(&state.store, &id).await?;
    issue(&state, KeyOwner::Tenant(tenant.id), new, &by).await
}

/// Issue a key of the operators.
#[utoipa::path(
    post, path = "/admin/v1/keys", tag = "admin", operation_id = "create_operator_key", request_body(content = CreateKey, example = json!({"name": "CI of the web team", "scopes": ["sessions:read", "sessions:write"]})),
    responses(
        (status = CREATED, description = "The key, shown this once", body = IssuedKeyView),
        (status = BAD_REQUEST, description = "The name or the lifetime cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = SERVICE_UNAVAILABLE, description = "Too many keys are being hashed", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn create_operator(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    JsonBody(new): JsonBody<CreateKey>,
) -> Result<Shown, AdminError> {
    issue(&state, KeyOwner::Operator, new, &by).await
}

/// List the operators' keys.
#[utoipa::path(
    get, path = "/admin/v1/keys", tag = "admin", operation_id = "list_operator_keys",
    responses(
        (status = OK, description = "The keys, oldest first, those that open nothing any more too", body = KeyList),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn list_operator(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
) -> Result<Json<KeyList>, AdminError> {
    Ok(Json(state.store.keys().list(KeyOwner::Operator).await?.into_iter().collect()))
}

/// A key that is shown once, and kept by no cache on the way.
type Shown = (StatusCode, [(HeaderName, &'static str); 1], Json<IssuedKeyView>);

async fn issue(state: &ApiState, owner: KeyOwner, new: CreateKey, by: &By) -> Result<Shown, AdminError> {
    let new = NewKey { owner, name: new.name, scopes: new.scopes, expires_in_days: new.expires_in_days };
    let issued = issue_key(&state.store, state.gate.verifier().hasher(), new, by).await?;
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
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, AdminError> {
    state.store.keys().revoke(&KeyId::new(id), &by).await?.ok_or(NO_KEY)?;
    state.gate.verifier().catch_up().await;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a key's end forward.
#[utoipa::path(
    patch, path = "/admin/v1/keys/{id}", tag = "admin", operation_id = "expire_key", request_body(content = ExpireKey, example = json!({"expires_at": "2036-12-31T00:00:00Z"})),
    params(("id" = String, Path, description = "The key's public part")),
    responses(
        (status = OK, description = "The key as it is now", body = KeyView),
        (status = BAD_REQUEST, description = "The time cannot be understood", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such key, or it was revoked", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn expire(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(ExpireKey { expires_at }): JsonBody<ExpireKey>,
) -> Result<Json<KeyView>, AdminError> {
    let key = state.store.keys().expire(&KeyId::new(id), moment(&expires_at)?, &by).await?;
    state.gate.verifier().catch_up().await;
    Ok(Json(key.ok_or(NO_KEY)?.into()))
}

/// Issue a key in the place of another, which opens nothing any more after an overlap.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/rotate", tag = "admin", operation_id = "rotate_key", request_body(content = RotateKey, example = json!({"overlap_hours": 24})),
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
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(how): JsonBody<RotateKey>,
) -> Result<Shown, AdminError> {
    let old = state.store.keys().find(&KeyId::new(id)).await?.ok_or(NO_KEY)?;
    let hasher = state.gate.verifier().hasher();
    let issued = rotate_key(&state.store, hasher, &old, how.overlap_hours, &by).await?.ok_or(NO_KEY)?;
    state.gate.verifier().catch_up().await;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(issued.into())))
}

const NO_KEY: AdminError = AdminError::NotFound("there is no such key");
