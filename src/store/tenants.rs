//! Tenants in the store.

use std::path::PathBuf;

use sqlx::any::AnyRow;

use super::{Store, StoreError, codec};
use crate::domain::{Tenant, TenantId, TenantLimits, TenantRoot, TenantState};

/// The tenants.
#[derive(Debug)]
pub struct Tenants<'a>(pub(super) &'a Store);

impl Tenants<'_> {
    /// Writes a new tenant.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] when a tenant has that name.
    pub async fn create(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let roots: Vec<_> = tenant.roots.iter().map(|root| root.path().to_string_lossy().into_owned()).collect();
        let written = sqlx::query(
            "insert into tenants (id, name, roots, created_at) values ($1, $2, $3, $4) on conflict (name) do nothing",
        )
        .bind(tenant.id.to_string())
        .bind(&tenant.name)
        .bind(codec::to_json(&roots))
        .bind(tenant.created_at.as_micros())
        .execute(&self.0.write)
        .await?;
        match written.rows_affected() {
            0 => Err(StoreError::NameTaken { name: tenant.name.clone() }),
            _ => Ok(()),
        }
    }

    /// Finds a tenant by its id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let row = sqlx::query("select * from tenants where id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.read)
            .await?;
        row.as_ref().map(tenant).transpose()
    }

    /// Finds a tenant by its name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        let row = sqlx::query("select * from tenants where name = $1").bind(name).fetch_optional(&self.0.read).await?;
        row.as_ref().map(tenant).transpose()
    }

    /// Changes what a tenant may use. Answers whether there is such a tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_limits(&self, id: TenantId, limits: &TenantLimits) -> Result<bool, StoreError> {
        let updated = sqlx::query("update tenants set limits = $1 where id = $2 and state <> $3")
            .bind(codec::to_json(limits))
            .bind(id.to_string())
            .bind(TenantState::Archived.as_str())
            .execute(&self.0.write)
            .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Changes whether a tenant may begin anything. One that was archived stays archived. Answers whether there is such
    /// a tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn change_state(&self, id: TenantId, state: TenantState) -> Result<bool, StoreError> {
        let updated = sqlx::query("update tenants set state = $1 where id = $2 and state <> $3")
            .bind(state.as_str())
            .bind(id.to_string())
            .bind(TenantState::Archived.as_str())
            .execute(&self.0.write)
            .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Lists all tenants by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<Tenant>, StoreError> {
        let rows = sqlx::query("select * from tenants where state <> 'archived' order by name")
            .fetch_all(&self.0.read)
            .await?;
        rows.iter().map(tenant).collect()
    }
}

fn tenant(row: &AnyRow) -> Result<Tenant, StoreError> {
    let roots: Vec<PathBuf> = codec::json(row, "roots")?;
    let roots = roots.into_iter().map(TenantRoot::new).collect::<Result<_, _>>();
    Ok(Tenant {
        id: codec::parsed(row, "id")?,
        name: codec::text(row, "name")?,
        roots: roots.map_err(|_| StoreError::Corrupt { column: "roots" })?,
        limits: codec::json(row, "limits")?,
        state: codec::word(row, "state", TenantState::parse)?,
        created_at: codec::time(row, "created_at")?,
    })
}
