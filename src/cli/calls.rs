//! `innkeeper calls`: the ledger's rows, and putting a call's cost right.

use clap::{Args, Subcommand};

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use crate::api::admin::{CallList, CallsAsk, correct_call, list_calls};
use crate::config::Config;

/// List the ledger's calls, and put their costs right
#[derive(Debug, Args)]
pub(super) struct CallsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List calls of the model, the newest first, and what was put right of them
    List {
        /// Those of one session
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// Those alone whose cost is estimated in part
        #[arg(long)]
        estimated: bool,
        /// How many
        #[arg(long, value_name = "N", default_value = "50")]
        limit: u32,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a call's cost right; the ledger keeps the row as it was and gets another
    Correct {
        /// The call's id
        id: String,
        /// What it costs, in US dollars
        #[arg(long, value_name = "USD")]
        cost: String,
        /// Why: kept with it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl CallsCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or told.
    pub(super) async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        match self.action {
            Action::List { session, estimated, limit, json } => {
                let ask = CallsAsk { session_id: session, estimated, limit: Some(limit), before: None };
                let calls = list_calls(&store, &ask).await?;
                match calls.data.as_slice() {
                    _ if json => show_json(&calls),
                    [] => note("The ledger has no such call."),
                    _ => show(&listed(&calls)),
                }
            }
            Action::Correct { id, cost, reason } => {
                let corrected = correct_call(&store, &id, &cost, &reason, &by()).await?;
                note(&format!("It costs ${} instead of ${}.", corrected.after_usd, corrected.before_usd))
            }
        }
    }
}

fn listed(calls: &CallList) -> String {
    let mut rows = vec![["ID", "AT", "TENANT", "SESSION", "MODEL", "STATUS", "COST $"].map(str::to_owned)];
    for call in &calls.data {
        let reason = call.reason.as_ref().or(call.estimate_reason.as_ref());
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        rows.push([
            call.id.to_string(),
            call.opened_at.to_string().chars().take(19).collect::<String>().replace('T', " "),
            call.tenant_name.clone().unwrap_or_else(|| call.tenant_id.to_string()),
            call.session_id.to_string(),
            call.model.clone(),
            format!("{}{reason}", call.status),
            call.cost_usd.clone(),
        ]);
    }
    table(&rows)
}
