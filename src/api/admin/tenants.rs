//! `/admin/v1/tenants`: who may work here, and where.

use std::path::PathBuf;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, ErrorBody, create_tenant};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::domain::{KeyOwner, Tenant, TenantId, TenantLimits, TenantState, Timestamp};
use crate::store::Store;

/// A tenant to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTenant {
    /// What operators call it: 1 to 63 of a-z, 0-9, `-` and `_`, unlike any other tenant's.
    #[schema(example = "acme")]
    name: String,
    /// The directories its sessions may work in, as absolute paths. One that does not exist is created. The first is
    /// where a session works that names no directory.
    #[schema(value_type = Vec<String>, min_items = 1, example = json!(["/srv/acme"]))]
    roots: Vec<PathBuf>,
}

/// A tenant, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// The directories its sessions may work in.
    #[schema(value_type = Vec<String>)]
    pub roots: Vec<PathBuf>,
    /// What it may use, where that differs from what the installation gives everybody.
    #[schema(value_type = serde_json::Value)]
    pub limits: TenantLimits,
    /// `active` or `suspended`.
    #[schema(value_type = String)]
    pub state: TenantState,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// How a tenant is to be suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SuspendTenant {
    /// Whether what runs and waits is cancelled; otherwise it ends by itself.
    stop_running: bool,
}

/// Tenants.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantList {
    /// The tenants, by name.
    pub data: Vec<TenantView>,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        let roots = tenant.roots.iter().map(|root| root.path().to_owned()).collect();
        Self {
            id: tenant.id,
            name: tenant.name,
            roots,
            limits: tenant.limits,
            state: tenant.state,
            created_at: tenant.created_at,
        }
    }
}

impl FromIterator<Tenant> for TenantList {
    fn from_iter<I: IntoIterator<Item = Tenant>>(tenants: I) -> Self {
        Self { data: tenants.into_iter().map(TenantView::from).collect() }
    }
}

/// Create a tenant.
#[utoipa::path(
    post,
    path = "/admin/v1/tenants",
    tag = "admin",
    operation_id = "create_tenant",
    request_body = CreateTenant,
    responses(
        (status = CREATED, description = "The tenant was created, and its roots with it", body = TenantView),
        (status = BAD_REQUEST, description = "The name or a root cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = CONFLICT, description = "The name is taken", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn create(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    body: Result<Json<CreateTenant>, JsonRejection>,
) -> Result<(StatusCode, Json<TenantView>), AdminError> {
    let Json(new) = body?;
    let tenant = create_tenant(&state.store, &*state.clock, &state.config, &new.name, new.roots).await?;
    Ok((StatusCode::CREATED, Json(tenant.into())))
}

/// List the tenants.
#[utoipa::path(
    get,
    path = "/admin/v1/tenants",
    tag = "admin",
    operation_id = "list_tenants",
    responses(
        (status = OK, description = "All tenants, by name", body = TenantList),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn list(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
) -> Result<Json<TenantList>, AdminError> {
    Ok(Json(state.store.tenants().list().await?.into_iter().collect()))
}

/// Get a tenant.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}", tag = "admin", operation_id = "get_tenant",
    params(("id" = String, Path, description = "The tenant's id")),
    responses(
        (status = OK, description = "The tenant", body = TenantView),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn get(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<TenantView>, AdminError> {
    Ok(Json(find_tenant(&state.store, &id).await?.into()))
}

/// Set all limits of a tenant. They hold for what begins from now on.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{id}/limits", tag = "admin", operation_id = "set_tenant_limits",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body(content = serde_json::Value, description = "The limits: `max_running`, `max_waiting`, `max_turns`, \
        `turn_timeout_ms`, `total_timeout_ms`, `memory_bytes`, `cpus`, `pids`, `models`, `permission_modes`; what is \
        left out is as the installation's settings say"),
    responses(
        (status = OK, description = "The tenant as it is now", body = TenantView),
        (status = BAD_REQUEST, description = "The body is no JSON", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn set_limits(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    body: Result<Json<TenantLimits>, JsonRejection>,
) -> Result<Json<TenantView>, AdminError> {
    let Json(limits) = body?;
    let tenant = find_tenant(&state.store, &id).await?;
    state.store.tenants().set_limits(tenant.id, &limits).await?;
    Ok(Json(find_tenant(&state.store, &id).await?.into()))
}

/// Suspend a tenant: it may begin nothing from this moment on, and still see what it has.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/suspend", tag = "admin", operation_id = "suspend_tenant",
    params(("id" = String, Path, description = "The tenant's id")), request_body = SuspendTenant,
    responses(
        (status = OK, description = "The tenant as it is now", body = TenantView),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn suspend(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    body: Result<Json<SuspendTenant>, JsonRejection>,
) -> Result<Json<TenantView>, AdminError> {
    let Json(how) = body?;
    let tenant = set_state(&state, &id, TenantState::Suspended).await?;
    if how.stop_running {
        state.sessions.cancel_all(tenant.id).await?;
    }
    Ok(Json(tenant.into()))
}

/// Resume a suspended tenant.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/resume", tag = "admin", operation_id = "resume_tenant",
    params(("id" = String, Path, description = "The tenant's id")),
    responses(
        (status = OK, description = "The tenant as it is now", body = TenantView),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn resume(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<TenantView>, AdminError> {
    Ok(Json(set_state(&state, &id, TenantState::Active).await?.into()))
}

/// Archive a tenant: its sessions end, its keys open nothing any more, and its name stays taken. What it spent is kept.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}", tag = "admin", operation_id = "archive_tenant",
    params(("id" = String, Path, description = "The tenant's id")),
    responses(
        (status = NO_CONTENT, description = "It is archived"),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn archive(
    _operator: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, AdminError> {
    let tenant = find_tenant(&state.store, &id).await?;
    state.store.tenants().change_state(tenant.id, TenantState::Archived).await?;
    for key in state.store.keys().list(KeyOwner::Tenant(tenant.id)).await? {
        state.keys.forget(&key.id);
    }
    state.sessions.cancel_all(tenant.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_state(state: &ApiState, id: &str, new: TenantState) -> Result<Tenant, AdminError> {
    let tenant = find_tenant(&state.store, id).await?;
    state.store.tenants().change_state(tenant.id, new).await?;
    find_tenant(&state.store, id).await
}

/// The tenant of this id.
///
/// # Errors
/// When there is none, or none any more.
pub(super) async fn find_tenant(store: &Store, id: &str) -> Result<Tenant, AdminError> {
    let missing = AdminError::NotFound("there is no such tenant");
    let Ok(id) = id.parse::<TenantId>() else { return Err(missing) };
    let tenant = store.tenants().find(id).await?;
    tenant.filter(|tenant| tenant.state != TenantState::Archived).ok_or(missing)
}
