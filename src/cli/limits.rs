//! `innkeeper limits`: what a tenant may use.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use super::tenants::find;
use crate::admin::findings_of_limits;
use crate::config::Config;
use crate::domain::TenantLimits;

/// Show and set what a tenant may use
#[derive(Debug, Args)]
pub(super) struct LimitsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a tenant's limits; what is not there is as the settings say
    Show {
        /// The tenant
        name: String,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Change some of a tenant's limits; they hold for what begins from now on
    Set {
        /// The tenant
        name: String,
        /// Limits as NAME=VALUE, the value as in JSON, such as `max_running=4` or `models='["claude-sonnet-5-5"]'`; `NAME=`
        /// takes a limit away. There are `max_running`, `max_waiting`, `max_turns`, `turn_timeout_ms`, `total_timeout_ms`,
        /// `memory_bytes`, `cpus`, `pids`, `workspace_bytes`, `output_bytes`, `models`, `tools`, `images`, `permission_modes`,
        /// `runtime`, `quarantine`, `retention_days`, `agent_telemetry`, `repository` (of `claude_md`, `skills`, `settings`, `mcp_servers`),
        /// `egress_hosts`, such as
        /// `egress_hosts='["packages.example.com:443"]'` within `egress.allowed_hosts` of the settings, and `rates`, such as
        /// `rates='{"create": {"per_minute": 10, "burst": 5}}'` (also `read`, `write`, `session_messages`, `tenant_messages`)
        #[arg(required = true, value_name = "NAME=VALUE")]
        limits: Vec<String>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

impl LimitsCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or told.
    pub(super) async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        match self.action {
            Action::Show { name, json } => show_limits(&find(&store, &name).await?.limits, json),
            Action::Set { name, limits, json } => {
                let tenant = find(&store, &name).await?;
                let changed = changed(&tenant.limits, &limits)?;
                // A grant that a lowered ceiling has taken away already keeps nobody from changing something else.
                if changed.egress_hosts != tenant.limits.egress_hosts {
                    config.egress.check(&changed)?;
                }
                store.tenants().set_limits(tenant.id, &changed, &by()).await?;
                for finding in findings_of_limits(&changed, config)? {
                    note(&format!("This cannot work: {}.", finding.message))?;
                }
                show_limits(&changed, json)
            }
        }
    }
}

/// The limits with some of them changed.
fn changed(limits: &TenantLimits, changes: &[String]) -> Result<TenantLimits, String> {
    let mut fields = fields(limits)?;
    for change in changes {
        let (name, value) = change.split_once('=').ok_or_else(|| format!("`{change}` is not NAME=VALUE"))?;
        if value.is_empty() {
            fields.remove(name);
            continue;
        }
        let value =
            serde_json::from_str(value).map_err(|error| format!("the value of `{name}` is no JSON: {error}"))?;
        fields.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| format!("these are no limits: {error}"))
}

fn fields(limits: &TenantLimits) -> Result<Map<String, Value>, String> {
    match serde_json::to_value(limits) {
        Ok(Value::Object(fields)) => Ok(fields),
        other => Err(format!("limits are not written as an object: {other:?}")),
    }
}

fn show_limits(limits: &TenantLimits, json: bool) -> CommandResult {
    if json { show_json(limits) } else { show(&listed(limits)?) }
}

/// The limits for people.
pub(super) fn listed(limits: &TenantLimits) -> Result<String, String> {
    let fields = fields(limits)?;
    if fields.is_empty() {
        return Ok("It has no limits of its own: the settings hold.".to_owned());
    }
    let mut rows = vec![["LIMIT", "VALUE"].map(str::to_owned)];
    rows.extend(fields.into_iter().map(|(name, value)| [name, value.to_string()]));
    Ok(table(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_changed_one_by_one() {
        let set = |changes: &[&str]| {
            let changes: Vec<_> = changes.iter().map(|change| (*change).to_owned()).collect();
            changed(&TenantLimits { max_running: Some(3), ..TenantLimits::default() }, &changes)
        };
        let limits = set(&["max_turns=7", r#"models=["claude-haiku-4-5"]"#]).unwrap();
        assert_eq!((limits.max_running, limits.max_turns), (Some(3), Some(7)));
        assert_eq!(limits.models.unwrap(), ["claude-haiku-4-5"]);
        assert_eq!(set(&["max_running="]).unwrap(), TenantLimits::default());
        for (change, word) in [("max_runing=1", "max_runing"), ("max_turns", "NAME=VALUE"), ("cpus=many", "`cpus`")] {
            let error = set(&[change]).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
