//! The names of tenants, for lists that show them next to ids.

use std::collections::HashMap;

use crate::domain::{Tenant, TenantId};
use crate::store::{Store, StoreError};

use super::OperationError;

/// The name of every tenant there ever was.
#[derive(Clone, Debug, Default)]
pub struct Names(HashMap<TenantId, String>);

impl Names {
    /// Reads them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let tenants = store.tenants().list_ever().await?;
        Ok(Self(tenants.into_iter().map(|tenant| (tenant.id, tenant.name)).collect()))
    }

    /// The name of a tenant.
    pub fn of(&self, tenant: TenantId) -> Option<String> {
        self.0.get(&tenant).cloned()
    }
}

/// The tenant that an operator names by its name or its id, archived or not.
pub(super) async fn find_tenant(store: &Store, text: &str) -> Result<Tenant, OperationError> {
    let found = match text.parse::<TenantId>() {
        Ok(id) => store.tenants().find(id).await?,
        Err(_) => store.tenants().find_by_name(text).await?,
    };
    found.ok_or_else(|| OperationError::Invalid(format!("there is no tenant `{text}`, neither by name nor by id")))
}
