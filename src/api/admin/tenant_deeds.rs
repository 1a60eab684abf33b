//! Creating and changing a tenant with its roots: the one way, for the admin API and the command line.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::domain::tenant::{InvalidName, InvalidRoot};
use crate::domain::{By, Tenant, TenantId, TenantLimits, TenantRoot, TenantState};
use crate::spawner::{NewRoots, RootError, RootKeeper};
use crate::store::{Store, StoreError};

/// Why a tenant cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateTenantError {
    /// Its name cannot be used.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// It could work nowhere.
    #[error("a tenant needs a root: a directory its sessions may work in")]
    NoRoots,
    /// A path is not one of a root.
    #[error(transparent)]
    Path(#[from] InvalidRoot),
    /// A directory cannot be a root.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The data directory cannot be used.
    #[error("the data directory cannot be used")]
    DataDir(#[source] io::Error),
    /// The store failed, or the name is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates a tenant, and those of its roots that do not exist.
///
/// # Errors
/// When the name or a root cannot be used. Directories that were created by then stay, and are taken as they are when
/// the call is repeated.
pub async fn create_tenant(
    store: &Store,
    config: &Config,
    keeper: &dyn RootKeeper,
    name: &str,
    roots: Vec<PathBuf>,
    by: &By,
) -> Result<Tenant, CreateTenantError> {
    Tenant::check_name(name)?;
    let plain_roots = plain(roots)?;
    let data_dir = config.data_dir.clone();
    let _turn = blocking(move || turn(&data_dir)).await.map_err(CreateTenantError::DataDir)?;
    let tenants = store.tenants().list_ever().await?;
    if tenants.iter().any(|tenant| tenant.name == name) {
        return Err(StoreError::NameTaken { name: name.to_owned() }.into());
    }
    keeper.prepare_roots(NewRoots::beside(config, &tenants, &plain_roots)).await?;
    let tenant = Tenant {
        id: TenantId::generate(),
        name: name.to_owned(),
        roots: plain_roots,
        limits: TenantLimits::default(),
        state: TenantState::Active,
        created_at: by.at,
    };
    store.tenants().create(&tenant, by).await?;
    Ok(tenant)
}

/// Changes a tenant's name and roots, and creates those roots that do not exist. `None` when the tenant is gone.
///
/// # Errors
/// When the name or a root cannot be used.
pub async fn update_tenant(
    store: &Store,
    config: &Config,
    keeper: &dyn RootKeeper,
    tenant: &Tenant,
    (name, roots): (Option<&str>, Option<Vec<PathBuf>>),
    by: &By,
) -> Result<Option<Tenant>, CreateTenantError> {
    if let Some(name) = name {
        Tenant::check_name(name)?;
    }
    let data_dir = config.data_dir.clone();
    let _turn = blocking(move || turn(&data_dir)).await.map_err(CreateTenantError::DataDir)?;
    let roots = match roots {
        None => None,
        Some(roots) => {
            let plain_roots = plain(roots)?;
            let mut others = store.tenants().list_ever().await?;
            others.retain(|other| other.id != tenant.id);
            keeper.prepare_roots(NewRoots::beside(config, &others, &plain_roots)).await?;
            Some(plain_roots)
        }
    };
    Ok(store.tenants().update(tenant.id, name, roots.as_deref(), by).await?)
}

/// Paths as roots: each once.
fn plain(roots: Vec<PathBuf>) -> Result<Vec<TenantRoot>, CreateTenantError> {
    let mut plain_roots = Vec::with_capacity(roots.len());
    for root in roots {
        // Without the doubled and trailing slashes people write.
        let root = TenantRoot::new(root.components().collect::<PathBuf>())?;
        if !plain_roots.contains(&root) {
            plain_roots.push(root);
        }
    }
    if plain_roots.is_empty() {
        return Err(CreateTenantError::NoRoots);
    }
    Ok(plain_roots)
}

/// Waits until no other process or call creates a tenant, until the answer is dropped. Of two tenants created at the
/// same time neither would see the other's roots. The data directory itself is locked, for a file to lock would belong
/// to whoever comes first, and be closed to the other.
fn turn(data_dir: &Path) -> io::Result<File> {
    let directory = File::open(data_dir)?;
    directory.lock()?;
    Ok(directory)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("looking at directories never panics")
}
