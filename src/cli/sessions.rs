//! `innkeeper sessions`: sessions of all tenants.

use clap::{Args, Subcommand};

use super::data::{by, open_store};
use super::output::{CommandResult, note, show, show_json, table};
use crate::admin::{SessionDetail, SessionEntry, SessionsAsk, TurnView, sessions};
use crate::config::Config;
use crate::domain::{Clock, SystemClock, Timestamp};

/// List, show and cancel sessions of all tenants
#[derive(Debug, Args)]
pub(super) struct SessionsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List sessions, the latest first
    List(List),
    /// Show a session and its turns
    Show {
        /// The session's id
        id: String,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Cancel the turn under way of a session; a running server does so within a second
    Cancel {
        /// The session's id
        id: String,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Those of one tenant, by its name or its id
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Those with this status: pending, running, completed, error or cancelled
    #[arg(long)]
    status: Option<String>,
    /// Those that were created at least so many hours ago
    #[arg(long, value_name = "N")]
    min_age_hours: Option<u32>,
    /// Those that were created at most so many hours ago
    #[arg(long, value_name = "N")]
    max_age_hours: Option<u32>,
    /// Those that cost at least this, in US dollars
    #[arg(long, value_name = "USD")]
    min_cost: Option<String>,
    /// How many, 1 to 1000
    #[arg(long, value_name = "N", default_value = "50")]
    limit: u32,
    /// After this session: what the page before says
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl SessionsCommand {
    /// Does it, on the store of the configured data directory. The server may be running meanwhile.
    ///
    /// # Errors
    /// When it cannot be done, or shown.
    pub(super) async fn run(self, config: &Config) -> CommandResult {
        let store = open_store(config).await?;
        match self.action {
            Action::List(list) => {
                let List { tenant, status, min_age_hours, max_age_hours, min_cost, limit, after, json } = list;
                let (min_cost_usd, limit) = (min_cost, Some(limit));
                let ask = SessionsAsk { tenant, status, min_age_hours, max_age_hours, min_cost_usd, limit, after };
                let page = sessions::list(&store, &ask, SystemClock.now()).await?;
                match page.data.as_slice() {
                    _ if json => show_json(&page),
                    [] => note("There is no such session."),
                    entries => {
                        show(&listed(entries))?;
                        page.next_after.map_or(Ok(()), |after| note(&format!("\nThere is more: --after {after}")))
                    }
                }
            }
            Action::Show { id, json } => {
                let detail = sessions::show(&store, None, &id).await?;
                if json { show_json(&detail) } else { show_detail(&detail) }
            }
            Action::Cancel { id, json } => {
                let detail = sessions::cancel(&store, None, &id, &by()).await?;
                if json {
                    return show_json(&detail);
                }
                note("It is written down. A running server cancels the turn within a second, another one at its start.")
            }
        }
    }
}

fn listed(entries: &[SessionEntry]) -> String {
    let head = ["ID", "TENANT", "STATUS", "CREATED", "ENDED", "TURNS", "COST $", "BYTES", "DIRECTORY"];
    let mut rows = vec![head.map(str::to_owned)];
    for entry in entries {
        rows.push([
            entry.session_id.to_string(),
            entry.tenant_name.clone(),
            entry.status.as_str().to_owned(),
            second(Some(entry.created_at)),
            second(entry.ended_at),
            entry.turns.to_string(),
            entry.cost_usd.clone(),
            entry.stored_bytes.to_string(),
            entry.directory.display().to_string(),
        ]);
    }
    table(&rows)
}

fn show_detail(detail: &SessionDetail) -> CommandResult {
    show(&listed(std::slice::from_ref(&detail.session)))?;
    let head = ["TURN", "KEY", "ACCEPTED", "STARTED", "ENDED", "BECAUSE", "COST $"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(detail.last_turns.iter().map(row));
    show(&format!("\n{}", table(&rows)))
}

fn row(turn: &TurnView) -> [String; 7] {
    let because = match (turn.end_reason, turn.cancel_requested_at) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(_)) => "(cancel requested)".to_owned(),
        (None, None) => "-".to_owned(),
    };
    [
        turn.turn_id.to_string(),
        turn.key_id.clone().unwrap_or_else(|| "-".to_owned()),
        second(Some(turn.created_at)),
        second(turn.started_at),
        second(turn.ended_at),
        because,
        turn.cost_usd.clone(),
    ]
}

/// A moment to the second, `-` for none.
fn second(moment: Option<Timestamp>) -> String {
    let text = moment.map(|moment| moment.to_string().chars().take(19).collect::<String>().replace('T', " "));
    text.unwrap_or_else(|| "-".to_owned())
}
