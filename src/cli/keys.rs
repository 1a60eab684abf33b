//! `innkeeper keys`: what tenants and operators come in with.

use std::error::Error;

use clap::{Args, Subcommand, value_parser};

use super::data::open_store;
use super::output::{CommandResult, note, show, show_json};
use crate::api::admin::IssuedKeyView;
use crate::api::auth::{Hasher, NewKey, issue_key};
use crate::config::Config;
use crate::domain::{KeyOwner, SystemClock};
use crate::lifecycle::Tasks;
use crate::store::Store;

/// Create keys
#[derive(Debug, Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a key and show it, this once
    Create(Create),
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    owner: Owner,
    /// What to call it in lists
    #[arg(long, value_name = "TEXT", default_value = "default")]
    name: String,
    /// After how many days it opens nothing any more; without this, never
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    expires_in_days: Option<u32>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Owner {
    /// The tenant it speaks for
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// It speaks for the operators: it opens the admin API, and no tenant's things
    #[arg(long)]
    operator: bool,
}

impl KeysCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or told.
    pub async fn run(self, config: &Config) -> CommandResult {
        let Action::Create(create) = self.action;
        let store = open_store(config).await?;
        let owner = create.owner.find(&store).await?;
        let new = NewKey { owner, name: create.name, expires_in_days: create.expires_in_days };
        let tasks = Tasks::new();
        let issued = issue_key(&store, &SystemClock, &Hasher::start(&tasks), new).await;
        tasks.stop().await;
        let issued = issued?.into();
        if create.json { show_json(&issued) } else { show_issued(&issued) }
    }
}

impl Owner {
    async fn find(&self, store: &Store) -> Result<KeyOwner, Box<dyn Error + Send + Sync>> {
        let Some(name) = &self.tenant else { return Ok(KeyOwner::Operator) };
        let tenant = store.tenants().find_by_name(name).await?;
        let tenant =
            tenant.ok_or_else(|| format!("there is no tenant `{name}`; `innkeeper tenants list` shows them all"))?;
        Ok(KeyOwner::Tenant(tenant.id))
    }
}

/// The key alone is the result, so that `KEY=$(innkeeper keys create ...)` takes it.
fn show_issued(issued: &IssuedKeyView) -> CommandResult {
    show(&issued.key)?;
    let until = match issued.expires_at {
        Some(moment) => format!("It opens nothing from {moment} on."),
        None => "It does not expire.".to_owned(),
    };
    note(&format!(
        "\nKeep the key: it is shown this once, and only its hash is stored. {until}\n\
         Send it as `x-api-key: KEY` or `Authorization: Bearer KEY`."
    ))
}
