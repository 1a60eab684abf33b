//! `/admin/v1/tenants`: who may work here, and where.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdminError, ErrorBody, create_tenant};
use crate::api::ApiState;
use crate::api::auth::OperatorCaller;
use crate::domain::{Tenant, TenantId, Timestamp};

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
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
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
        Self { id: tenant.id, name: tenant.name, roots, created_at: tenant.created_at }
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
