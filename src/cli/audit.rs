//! `innkeeper audit`: who changed what, from where.

use clap::Args;
use serde_json::Value;

use super::data::open_store;
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{AuditAsk, AuditPage, AuditView, list_audit};
use crate::config::Config;

/// Show who changed what, newest first
#[derive(Debug, Args)]
pub(super) struct AuditCommand {
    /// Who: `key:ID`, `uid:NUMBER` for the command line, or `server`
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// What was done, such as key.revoke
    #[arg(long, value_name = "WHAT")]
    action: Option<String>,
    /// What it was done to: an id
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// The tenant it concerns
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// From this moment on, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Before this entry
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    /// How many entries
    #[arg(long, value_name = "N", default_value = "50")]
    limit: u32,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl AuditCommand {
    /// Shows it, from the store of the configured data directory.
    ///
    /// # Errors
    /// When it cannot be read, or told.
    pub(super) async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        let tenant_id = match &self.tenant {
            Some(name) => Some(super::tenants::find(&store, name).await?.id.to_string()),
            None => None,
        };
        let Self { actor, action, target, from, to, before, limit, json, .. } = self;
        let ask = AuditAsk { actor, action, target, tenant_id, from, to, before, limit: Some(limit) };
        let page = list_audit(&store, ask).await?;
        if json { show_json(&page) } else { show_page(&page) }
    }
}

fn show_page(page: &AuditPage) -> CommandResult {
    if page.data.is_empty() {
        return note("Nothing was changed, as far as this asks.");
    }
    let mut rows = vec![["SEQ", "AT", "WHO", "FROM", "WHAT", "TENANT", "OF", "CHANGE"].map(str::to_owned)];
    rows.extend(page.data.iter().map(|entry| {
        [
            entry.seq.to_string(),
            entry.at.to_string().chars().take(19).collect::<String>().replace('T', " "),
            entry.actor.clone(),
            entry.from.clone().unwrap_or_else(|| "-".to_owned()),
            entry.action.to_owned(),
            entry.tenant_name.clone().unwrap_or_else(|| "-".to_owned()),
            entry.target.clone(),
            change(entry),
        ]
    }));
    show(&table(&rows))?;
    match page.next_before {
        Some(seq) => note(&format!("\nThere is more: --before {seq}")),
        None => Ok(()),
    }
}

/// What is different after, field by field, and why.
fn change(entry: &AuditView) -> String {
    let empty = serde_json::Map::new();
    let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (object(&entry.before), object(&entry.after));
    let mut parts: Vec<_> = after
        .iter()
        .filter(|(name, value)| {
            before.get(*name) != Some(value) && !value.is_null() && **value != Value::Object(empty.clone())
        })
        .map(|(name, value)| match before.get(name).filter(|before| !before.is_null()) {
            Some(before) => format!("{name}: {before} -> {value}"),
            None => format!("{name}: {value}"),
        })
        .collect();
    parts.extend(entry.reason.as_ref().map(|reason| format!("because: {reason}")));
    parts.join(", ")
}
