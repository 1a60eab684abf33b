//! Tenants in the store.

use std::path::PathBuf;

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::audit::{self, Record};
use super::{Store, StoreError, cancels, codec};
use crate::domain::{Action, By, Tenant, TenantId, TenantLimits, TenantRoot, TenantState};

/// The tenants.
#[derive(Debug)]
pub struct Tenants<'a>(pub(super) &'a Store);

impl Tenants<'_> {
    /// Writes a new tenant.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] when a tenant has that name.
    pub async fn create(&self, tenant: &Tenant, by: &By) -> Result<(), StoreError> {
        let (tenant, by) = (tenant.clone(), by.clone());
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let written = sqlx::query(
                        "insert into tenants (id, name, roots, limits, created_at) values ($1, $2, $3, $4, $5)
                 on conflict (name) do nothing",
                    )
                    .bind(tenant.id.to_string())
                    .bind(&tenant.name)
                    .bind(roots_json(&tenant))
                    .bind(codec::to_json(&tenant.limits))
                    .bind(tenant.created_at.as_micros())
                    .execute(&mut **transaction)
                    .await?;
                    if written.rows_affected() == 0 {
                        return Err(StoreError::NameTaken { name: tenant.name.clone() });
                    }
                    write_change(transaction, Action::CreateTenant, None, &tenant, &by).await?;
                    Ok(())
                })
            })
            .await
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

    /// Changes a tenant's name and roots. Answers it as it is then; `None` when there is no such tenant.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] when another tenant has that name.
    pub async fn update(
        &self,
        id: TenantId,
        name: Option<&str>,
        roots: Option<&[TenantRoot]>,
        by: &By,
    ) -> Result<Option<Tenant>, StoreError> {
        let (name, roots) = (name.map(str::to_owned), roots.map(<[_]>::to_vec));
        let change = move |tenant: &mut Tenant| {
            if let Some(name) = name {
                tenant.name = name;
            }
            if let Some(roots) = roots {
                tenant.roots = roots;
            }
        };
        self.change(id, Action::UpdateTenant, by, false, change).await
    }

    /// Changes what a tenant may use. Answers it as it is then; `None` when there is no such tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_limits(&self, id: TenantId, limits: &TenantLimits, by: &By) -> Result<Option<Tenant>, StoreError> {
        let limits = limits.clone();
        self.change(id, Action::SetLimits, by, false, |tenant| tenant.limits = limits).await
    }

    /// Changes whether a tenant may begin anything, and asks with `stop` that its turns under way be cancelled. One that was
    /// archived stays archived. Answers it as it is then; `None` when there is no such tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn change_state(
        &self,
        id: TenantId,
        state: TenantState,
        stop: bool,
        by: &By,
    ) -> Result<Option<Tenant>, StoreError> {
        let action = match state {
            TenantState::Active => Action::ResumeTenant,
            TenantState::Suspended => Action::SuspendTenant,
            TenantState::Archived => Action::ArchiveTenant,
        };
        self.change(id, action, by, stop, move |tenant| tenant.state = state).await
    }

    /// Changes a tenant and writes that to the audit; what changes nothing is not written. With `stop`, its turns under way are
    /// to be cancelled.
    async fn change(
        &self,
        id: TenantId,
        action: Action,
        by: &By,
        stop: bool,
        change: impl FnOnce(&mut Tenant) + Send + 'static,
    ) -> Result<Option<Tenant>, StoreError> {
        let by = by.clone();
        self.0
            .write(move |transaction| {
                Box::pin(async move {
                    let row = sqlx::query("select * from tenants where id = $1 and state <> $2")
                        .bind(id.to_string())
                        .bind(TenantState::Archived.as_str())
                        .fetch_optional(&mut **transaction)
                        .await?;
                    let Some(before) = row.as_ref().map(tenant).transpose()? else { return Ok(None) };
                    let mut after = before.clone();
                    change(&mut after);
                    let stopped = if stop { cancels::ask_of_tenant(transaction, id, by.at).await? } else { 0 };
                    if audit::tenant(&before) == audit::tenant(&after) && stopped == 0 {
                        return Ok(Some(after));
                    }
                    let taken = sqlx::query("select id from tenants where name = $1 and id <> $2")
                        .bind(&after.name)
                        .bind(id.to_string())
                        .fetch_optional(&mut **transaction)
                        .await?;
                    if taken.is_some() {
                        return Err(StoreError::NameTaken { name: after.name });
                    }
                    sqlx::query("update tenants set name = $1, roots = $2, limits = $3, state = $4 where id = $5")
                        .bind(&after.name)
                        .bind(roots_json(&after))
                        .bind(codec::to_json(&after.limits))
                        .bind(after.state.as_str())
                        .bind(id.to_string())
                        .execute(&mut **transaction)
                        .await?;
                    write_change(transaction, action, Some(&before), &after, &by).await?;
                    Ok(Some(after))
                })
            })
            .await
    }

    /// Lists every tenant there ever was, by name, the archived ones too: what they spent is still told of.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_ever(&self) -> Result<Vec<Tenant>, StoreError> {
        let rows = sqlx::query("select * from tenants order by name, id").fetch_all(&self.0.read).await?;
        rows.iter().map(tenant).collect()
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

async fn write_change(
    transaction: &mut Transaction<'_, Any>,
    action: Action,
    before: Option<&Tenant>,
    after: &Tenant,
    by: &By,
) -> Result<(), StoreError> {
    let record = Record {
        action,
        target: after.id.to_string(),
        tenant: Some(after.id),
        reason: None,
        before: before.map(audit::tenant),
        after: Some(audit::tenant(after)),
    };
    audit::write(transaction, by, record).await
}

fn roots_json(tenant: &Tenant) -> String {
    let roots: Vec<_> = tenant.roots.iter().map(|root| root.path().to_string_lossy().into_owned()).collect();
    codec::to_json(&roots)
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
