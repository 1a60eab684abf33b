//! `innkeeper tenants`: who may work here, and where.

use std::error::Error;
use std::path::{PathBuf, absolute};

use clap::{Args, Subcommand};

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{TenantList, TenantView, create_tenant, update_tenant};
use crate::config::Config;
use crate::domain::{Tenant, TenantState};
use crate::spawner::root_keeper as keeper;
use crate::store::Store;

/// Create, list, change, suspend and archive tenants
#[derive(Debug, Args)]
pub struct TenantsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a tenant and the directories its sessions may work in
    Create {
        /// What to call it: 1 to 63 of a-z, 0-9, `-` and `_`
        name: String,
        /// A directory its sessions may work in, created when missing; the first is where they work by default
        #[arg(long = "root", value_name = "DIR", required = true)]
        roots: Vec<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// List the tenants
    List {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a tenant, its directories and its limits
    Get {
        /// The tenant
        name: String,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a tenant's name or its directories
    Update {
        /// The tenant
        name: String,
        /// What to call it from now on
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// A directory its sessions may work in; those given are all it has from now on
        #[arg(long = "root", value_name = "DIR")]
        roots: Vec<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a tenant begin nothing more; what runs ends by itself
    Suspend {
        /// The tenant
        name: String,
        /// Cancel what runs and waits; a running server does so within a second
        #[arg(long)]
        stop_running: bool,
    },
    /// Let a suspended tenant begin again
    Resume {
        /// The tenant
        name: String,
    },
    /// Archive a tenant for good: what runs is cancelled, its keys open nothing any more, what it spent is kept
    Archive {
        /// The tenant
        name: String,
    },
}

impl TenantsCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or told.
    pub async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        match self.action {
            Action::Create { name, roots, json } => {
                let roots = roots.into_iter().map(absolute).collect::<Result<Vec<_>, _>>()?;
                let tenant = create_tenant(&store, config, &*keeper(config), &name, roots, &by()).await?.into();
                if json { show_json(&tenant) } else { show_created(&tenant) }
            }
            Action::List { json } => {
                let tenants: TenantList = store.tenants().list().await?.into_iter().collect();
                match tenants.data.as_slice() {
                    _ if json => show_json(&tenants),
                    [] => note("There are no tenants yet. Create one: innkeeper tenants create NAME --root DIR"),
                    tenants => show(&listed(tenants)),
                }
            }
            Action::Get { name, json } => {
                let tenant = TenantView::from(find(&store, &name).await?);
                if json {
                    return show_json(&tenant);
                }
                show(&listed(std::slice::from_ref(&tenant)))?;
                show(&format!("\n{}", super::limits::listed(&tenant.limits)?))
            }
            Action::Update { name, rename, roots, json } => {
                let tenant = find(&store, &name).await?;
                let roots = roots.into_iter().map(absolute).collect::<Result<Vec<_>, _>>()?;
                let roots = Some(roots).filter(|roots| !roots.is_empty());
                let changed =
                    update_tenant(&store, config, &*keeper(config), &tenant, (rename.as_deref(), roots), &by()).await?;
                let tenant = TenantView::from(changed.ok_or("the tenant was archived meanwhile")?);
                if json { show_json(&tenant) } else { show(&listed(std::slice::from_ref(&tenant))) }
            }
            Action::Suspend { name, stop_running } => {
                let tenant = find(&store, &name).await?;
                store.tenants().change_state(tenant.id, TenantState::Suspended, stop_running, &by()).await?;
                let running = if stop_running { "is cancelled within a second" } else { "ends by itself" };
                note(&format!("`{name}` may begin nothing more. What runs {running}."))
            }
            Action::Resume { name } => {
                let tenant = find(&store, &name).await?;
                store.tenants().change_state(tenant.id, TenantState::Active, false, &by()).await?;
                note(&format!("`{name}` may begin again."))
            }
            Action::Archive { name } => {
                let tenant = find(&store, &name).await?;
                store.tenants().change_state(tenant.id, TenantState::Archived, true, &by()).await?;
                note(&format!(
                    "`{name}` is archived: its keys open nothing any more. What runs is cancelled within a second."
                ))
            }
        }
    }
}

/// The tenant of this name.
pub(super) async fn find(store: &Store, name: &str) -> Result<Tenant, Box<dyn Error + Send + Sync>> {
    let tenant = store.tenants().find_by_name(name).await?;
    let tenant = tenant.filter(|tenant| tenant.state != TenantState::Archived);
    Ok(tenant.ok_or_else(|| format!("there is no tenant `{name}`; `innkeeper tenants list` shows them all"))?)
}

fn show_created(tenant: &TenantView) -> CommandResult {
    show(&listed(std::slice::from_ref(tenant)))?;
    note(&format!("\nTenant created. Give it a key: innkeeper keys create --tenant {}", tenant.name))
}

/// A row for each tenant, and one more for each further root.
fn listed(tenants: &[TenantView]) -> String {
    let mut rows = vec![["NAME", "ID", "STATE", "CREATED", "ROOTS"].map(str::to_owned)];
    for tenant in tenants {
        let created_at = tenant.created_at.to_string();
        let day = created_at.get(..10).unwrap_or(&created_at).to_owned();
        let state = tenant.state.as_str().to_owned();
        let mut row = [tenant.name.clone(), tenant.id.to_string(), state, day, String::new()];
        for root in &tenant.roots {
            row[4] = root.display().to_string();
            rows.push(std::mem::take(&mut row));
        }
    }
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TenantId, TenantLimits, Timestamp};

    #[test]
    fn every_root_of_a_tenant_is_listed() {
        let id = TenantId::generate();
        let roots = ["/srv/acme", "/srv/more"].map(PathBuf::from).to_vec();
        let tenant = TenantView {
            id,
            name: "acme".to_owned(),
            roots,
            limits: TenantLimits::default(),
            state: TenantState::Active,
            created_at: Timestamp::from_micros(0),
            warnings: Vec::new(),
        };
        let text = listed(&[tenant]);
        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["NAME", "ID", "STATE", "CREATED", "ROOTS"]);
        assert_eq!(lines[1], ["acme", id.to_string().as_str(), "active", "1970-01-01", "/srv/acme"]);
        assert_eq!(lines[2], ["/srv/more"]);
    }
}
