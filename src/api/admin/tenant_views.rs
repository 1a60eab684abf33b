//! Tenants as the admin API takes and shows them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Tenant, TenantId, TenantLimits, TenantState, Timestamp};

/// A tenant to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTenant {
    /// What operators call it: 1 to 63 of a-z, 0-9, `-` and `_`, unlike any other tenant's.
    #[schema(example = "acme")]
    pub(super) name: String,
    /// The directories its sessions may work in, as absolute paths. One that does not exist is created. The first is
    /// where a session works that names no directory.
    #[schema(value_type = Vec<String>, min_items = 1, example = json!(["/srv/acme"]))]
    pub(super) roots: Vec<PathBuf>,
}

/// What is to be changed of a tenant; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedTenant {
    /// What operators call it.
    pub(super) name: Option<String>,
    /// All directories its sessions may work in.
    #[schema(value_type = Option<Vec<String>>)]
    pub(super) roots: Option<Vec<PathBuf>>,
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
    pub limits: TenantLimits,
    /// `active` or `suspended`.
    pub state: TenantState,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// What of the limits that were just set cannot work: a model without a price, a tool or an image that is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<String>,
}

/// How a tenant is to be suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SuspendTenant {
    /// Whether what runs and waits is cancelled; otherwise it ends by itself.
    pub(super) stop_running: bool,
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
            warnings: Vec::new(),
        }
    }
}

impl FromIterator<Tenant> for TenantList {
    fn from_iter<I: IntoIterator<Item = Tenant>>(tenants: I) -> Self {
        Self { data: tenants.into_iter().map(TenantView::from).collect() }
    }
}
