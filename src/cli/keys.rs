//! `innkeeper keys`: what tenants and operators come in with.

use std::error::Error;

use clap::{Args, Subcommand, value_parser};

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{IssuedKeyView, KeyList};
use crate::api::auth::{Hasher, NewKey, issue_key, rotate_key};
use crate::config::Config;
use crate::domain::{KeyId, KeyOwner, KeyScopes, Timestamp};
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
    /// Let a key open nothing any more; a running server knows within a second
    Revoke {
        /// The key's public part
        id: String,
    },
    /// Bring a key's end forward
    Expire {
        /// The key's public part
        id: String,
        /// From when on it opens nothing, such as 2026-12-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        at: jiff::Timestamp,
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
    /// What it opens: sessions:read, sessions:write, usage:read; without this, all of it
    #[arg(long, value_name = "SCOPE,...", value_delimiter = ',', conflicts_with = "operator")]
    scopes: Vec<String>,
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
                let scopes = match create.scopes.as_slice() {
                    [] => None,
                    words => Some(KeyScopes::of_tenant(words)?),
                };
                let new = NewKey { owner, name: create.name, scopes, expires_in_days: create.expires_in_days };
                let issued = with_hasher(async |hasher| issue_key(&store, hasher, new, &by()).await).await?;
                show_key(&issued.into(), create.json)
            }
            Action::List { owner, json } => {
                let keys: KeyList = store.keys().list(owner.find(&store).await?).await?.into_iter().collect();
                if json { show_json(&keys) } else { show(&listed(&keys)) }
            }
            Action::Revoke { id } => match store.keys().revoke(&KeyId::new(id.as_str()), &by()).await? {
                Some(true) => note("It opens nothing any more."),
                Some(false) => note("It was revoked already."),
                None => Err(no_key(&id)),
            },
            Action::Expire { id, at } => {
                let end = Timestamp::from_micros(at.as_microsecond());
                let key = store.keys().expire(&KeyId::new(id.as_str()), end, &by()).await?;
                let end = key.and_then(|key| key.expires_at).ok_or_else(|| no_key(&id))?;
                note(&format!("It opens nothing from {end} on."))
            }
            Action::Rotate { id, overlap_hours, json } => {
                let old = store.keys().find(&KeyId::new(id.as_str())).await?;
                let old = old.ok_or_else(|| no_key(&id))?;
                let rotate = async |hasher: &Hasher| rotate_key(&store, hasher, &old, overlap_hours, &by()).await;
                let issued = with_hasher(rotate).await?.ok_or_else(|| no_key(&id))?;
                show_key(&issued.into(), json)
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
    let mut rows = vec![["ID", "NAME", "SCOPES", "CREATED", "LAST USED", "EXPIRES", "REVOKED"].map(str::to_owned)];
    let day = |moment: Timestamp| moment.to_string().chars().take(10).collect::<String>();
    let minute = |moment: Timestamp| moment.to_string().chars().take(16).collect::<String>().replace('T', " ");
    for key in &keys.data {
        let (expires, revoked) = (key.expires_at.map(day), key.revoked_at.map(day));
        rows.push([
            key.id.clone(),
            key.name.clone(),
            key.scopes.to_string().replace(' ', ","),
            day(key.created_at),
            key.last_used_at.map_or_else(|| "never".to_owned(), minute),
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
