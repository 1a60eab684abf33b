//! `innkeeper keys`: what tenants and operators come in with.

use std::error::Error;

use clap::{Args, Subcommand, value_parser};

use super::data::open_store;
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{IssuedKeyView, KeyList};
use crate::api::auth::{Hasher, NewKey, issue_key, revoke_key, rotate_key};
use crate::config::Config;
use crate::domain::{Clock, KeyId, KeyOwner, SystemClock, Timestamp};
use crate::lifecycle::Tasks;
use crate::store::Store;

/// Create, list, rotate and revoke keys
#[derive(Debug, Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a key and show it, this once
    Create(Create),
    /// List keys, without their secrets
    List {
        #[command(flatten)]
        owner: Owner,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a key open nothing any more; a running server learns of it within `auth.cache_ttl_ms`
    Revoke {
        /// The key's public part
        id: String,
    },
    /// Create a key in the place of another
    Rotate {
        /// The old key's public part
        id: String,
        /// For how many hours the old key still opens what it opened
        #[arg(long, value_name = "N", default_value = "24")]
        overlap_hours: u32,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
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
        let store = open_store(config).await?;
        match self.action {
            Action::Create(create) => {
                let owner = create.owner.find(&store).await?;
                let new = NewKey { owner, name: create.name, expires_in_days: create.expires_in_days };
                let issued = with_hasher(async |hasher| issue_key(&store, &SystemClock, hasher, new).await).await?;
                show_key(&issued.into(), create.json)
            }
            Action::List { owner, json } => {
                let keys: KeyList = store.keys().list(owner.find(&store).await?).await?.into_iter().collect();
                if json { show_json(&keys) } else { show(&listed(&keys)) }
            }
            Action::Revoke { id } => match revoke_key(&store, &SystemClock, &KeyId::new(id.as_str())).await? {
                Some(true) => note("It opens nothing any more."),
                Some(false) => note("It was revoked already."),
                None => Err(no_key(&id)),
            },
            Action::Rotate { id, overlap_hours, json } => {
                let old = store.keys().find(&KeyId::new(id.as_str())).await?;
                let old = old.filter(|key| key.is_valid_at(SystemClock.now())).ok_or_else(|| no_key(&id))?;
                let rotate =
                    async |hasher: &Hasher| rotate_key(&store, &SystemClock, hasher, &old, overlap_hours).await;
                show_key(&with_hasher(rotate).await?.into(), json)
            }
        }
    }
}

/// Runs `deed` with a hasher that ends with it.
async fn with_hasher<T>(deed: impl AsyncFnOnce(&Hasher) -> T) -> T {
    let tasks = Tasks::new();
    let done = deed(&Hasher::start(&tasks)).await;
    tasks.stop().await;
    done
}

fn no_key(id: &str) -> Box<dyn Error + Send + Sync> {
    format!("there is no key `{id}`, or it opens nothing any more; `innkeeper keys list` shows them").into()
}

fn listed(keys: &KeyList) -> String {
    let mut rows = vec![["ID", "NAME", "CREATED", "EXPIRES", "REVOKED"].map(str::to_owned)];
    let day = |moment: Timestamp| moment.to_string().chars().take(10).collect::<String>();
    for key in &keys.data {
        let (expires, revoked) = (key.expires_at.map(day), key.revoked_at.map(day));
        rows.push([
            key.id.clone(),
            key.name.clone(),
            day(key.created_at),
            expires.unwrap_or_default(),
            revoked.unwrap_or_default(),
        ]);
    }
    table(&rows)
}

fn show_key(issued: &IssuedKeyView, json: bool) -> CommandResult {
    if json { show_json(issued) } else { show_issued(issued) }
}

impl Owner {
    async fn find(&self, store: &Store) -> Result<KeyOwner, Box<dyn Error + Send + Sync>> {
        let Some(name) = &self.tenant else { return Ok(KeyOwner::Operator) };
        let tenant = super::tenants::find(store, name).await?;
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
