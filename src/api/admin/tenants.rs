//! `/admin/v1/tenants`: who may work here, and where.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::tenant_views::{ChangedTenant, CreateTenant, SuspendTenant};
use super::{AdminError, ErrorBody, TenantList, TenantView, create_tenant, update_tenant};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::api::input::JsonBody;
use crate::domain::{By, Tenant, TenantId, TenantLimits, TenantState};
use crate::spawner::SpawnerError;
use crate::store::Store;

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
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    JsonBody(new): JsonBody<CreateTenant>,
) -> Result<(StatusCode, Json<TenantView>), AdminError> {
    let tenant = create_tenant(&state.store, &state.config, &*state.roots, &new.name, new.roots, &by).await?;
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

/// Change a tenant's name or its roots. Roots hold for what begins from now on: a session whose directory is below none of
/// them any more cannot be resumed.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{id}", tag = "admin", operation_id = "update_tenant",
    params(("id" = String, Path, description = "The tenant's id")), request_body(content = ChangedTenant, example = json!({"name": "acme"})),
    responses(
        (status = OK, description = "The tenant as it is now", body = TenantView),
        (status = BAD_REQUEST, description = "The name or a root cannot be used", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
        (status = CONFLICT, description = "The name is taken", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn update(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(ChangedTenant { name, roots }): JsonBody<ChangedTenant>,
) -> Result<Json<TenantView>, AdminError> {
    let tenant = find_tenant(&state.store, &id).await?;
    let tenant =
        update_tenant(&state.store, &state.config, &*state.roots, &tenant, (name.as_deref(), roots), &by).await?;
    state.gate.verifier().catch_up().await;
    Ok(Json(tenant.ok_or(NO_TENANT)?.into()))
}

/// Set all limits of a tenant. They hold for what begins from now on.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{id}/limits", tag = "admin", operation_id = "set_tenant_limits",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body(content = TenantLimits, example = json!({"max_running": 5, "max_turns": 50})),
    responses(
        (status = OK, description = "The tenant as it is now", body = TenantView),
        (status = BAD_REQUEST, description = "The body is no JSON, or the engine has no such runtime", body = ErrorBody),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn set_limits(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(limits): JsonBody<TenantLimits>,
) -> Result<Json<TenantView>, AdminError> {
    state.config.egress.check(&limits).map_err(|refused| AdminError::Invalid(refused.to_string()))?;
    if let Some(runtime) = &limits.runtime
        && let Err(error @ (SpawnerError::Runtime { .. } | SpawnerError::Refused(_))) =
            state.sessions.check_runtime(runtime).await
    {
        return Err(AdminError::Invalid(error.to_string()));
    }
    let changed = state.store.tenants().set_limits(tenant_id(&id)?, &limits, &by).await?;
    state.gate.verifier().catch_up().await;
    let mut view = TenantView::from(changed.ok_or(NO_TENANT)?);
    view.warnings = state.findings.of_limits(&limits).await.into_iter().map(|finding| finding.message).collect();
    Ok(Json(view))
}

/// Suspend a tenant: it may begin nothing from this moment on, and still see what it has.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/suspend", tag = "admin", operation_id = "suspend_tenant",
    params(("id" = String, Path, description = "The tenant's id")), request_body(content = SuspendTenant, example = json!({"stop_running": true})),
    responses(
        (status = OK, description = "The tenant as it is now", body = TenantView),
        (status = UNAUTHORIZED, description = "No valid key of an operator was sent", body = ErrorBody),
        (status = UNPROCESSABLE_ENTITY, description = "The body is not what the call takes", body = ErrorBody),
        (status = NOT_FOUND, description = "There is no such tenant", body = ErrorBody),
    ),
    security(("bearer" = []), ("x-api-key" = []), ("basic" = [])),
)]
pub(super) async fn suspend(
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    JsonBody(how): JsonBody<SuspendTenant>,
) -> Result<Json<TenantView>, AdminError> {
    let sessions = state.sessions.clone();
    let suspending = async move {
        let tenant = set_state(&state, &id, TenantState::Suspended, how.stop_running, &by).await?;
        if how.stop_running {
            state.sessions.cancel_all(tenant.id).await?;
        }
        Ok(Json(tenant.into()))
    };
    // An operator that leaves does not leave the tenant half suspended.
    sessions.detached("suspend tenant", suspending).await
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
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<TenantView>, AdminError> {
    Ok(Json(set_state(&state, &id, TenantState::Active, false, &by).await?.into()))
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
    OperatorCaller { by }: OperatorCaller,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<StatusCode, AdminError> {
    let sessions = state.sessions.clone();
    let archiving = async move {
        let tenant = set_state(&state, &id, TenantState::Archived, true, &by).await?;
        state.sessions.cancel_all(tenant.id).await?;
        Ok(StatusCode::NO_CONTENT)
    };
    sessions.detached("archive tenant", archiving).await
}

async fn set_state(state: &ApiState, id: &str, new: TenantState, stop: bool, by: &By) -> Result<Tenant, AdminError> {
    let changed = state.store.tenants().change_state(tenant_id(id)?, new, stop, by).await?;
    state.gate.verifier().catch_up().await;
    changed.ok_or(NO_TENANT)
}

/// The tenant of this id.
///
/// # Errors
/// When there is none, or none any more.
pub(super) async fn find_tenant(store: &Store, id: &str) -> Result<Tenant, AdminError> {
    let tenant = store.tenants().find(tenant_id(id)?).await?;
    tenant.filter(|tenant| tenant.state != TenantState::Archived).ok_or(NO_TENANT)
}

fn tenant_id(id: &str) -> Result<TenantId, AdminError> {
    id.parse().map_err(|_| NO_TENANT)
}

const NO_TENANT: AdminError = AdminError::NotFound("there is no such tenant");
