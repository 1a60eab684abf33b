//! `innkeeper tenants`: who may work here, and where.

use std::error::Error;
use std::path::{PathBuf, absolute};

use clap::{Args, Subcommand};

use super::data::open_store;
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{TenantList, TenantView, create_tenant};
use crate::config::Config;
use crate::domain::{SystemClock, Tenant, TenantLimits, TenantState};
use crate::store::Store;

/// Create, list, limit and suspend tenants
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
    /// Show a tenant's limits, or set all of them
    Limits {
        /// The tenant
        name: String,
        /// The limits as JSON, such as `{"max_running": 2}`; `{}` removes them all. There are `max_running`,
        /// `max_waiting`, `max_turns`, `turn_timeout_ms`, `total_timeout_ms`, `memory_bytes`, `cpus`, `pids`, `models`
        /// and `permission_modes`
        #[arg(long, value_name = "JSON")]
        set: Option<String>,
    },
    /// Let a tenant begin nothing more; what runs ends by itself
    Suspend {
        /// The tenant
        name: String,
    },
    /// Let a suspended tenant begin again
    Resume {
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
                let roots = roots.into_iter().map(absolute).collect::<Result<_, _>>()?;
                let tenant = create_tenant(&store, &SystemClock, config, &name, roots).await?.into();
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
            Action::Limits { name, set } => limits(&store, &name, set.as_deref()).await,
            Action::Suspend { name } => {
                let tenant = find(&store, &name).await?;
                store.tenants().change_state(tenant.id, TenantState::Suspended).await?;
                note(&format!("`{name}` may begin nothing more. What runs ends by itself, or is cancelled."))
            }
            Action::Resume { name } => {
                let tenant = find(&store, &name).await?;
                store.tenants().change_state(tenant.id, TenantState::Active).await?;
                note(&format!("`{name}` may begin again."))
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

async fn limits(store: &Store, name: &str, set: Option<&str>) -> CommandResult {
    let tenant = find(store, name).await?;
    let Some(text) = set else { return show_json(&tenant.limits) };
    let limits: TenantLimits = serde_json::from_str(text).map_err(|error| format!("these are no limits: {error}"))?;
    store.tenants().set_limits(tenant.id, &limits).await?;
    show_json(&limits)?;
    note("They hold for what begins from now on.")
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
    use crate::domain::{TenantId, Timestamp};

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
        };
        let text = listed(&[tenant]);
        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["NAME", "ID", "STATE", "CREATED", "ROOTS"]);
        assert_eq!(lines[1], ["acme", id.to_string().as_str(), "active", "1970-01-01", "/srv/acme"]);
        assert_eq!(lines[2], ["/srv/more"]);
    }
}
