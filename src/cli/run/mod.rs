//! `innkeeper run`: one prompt through a server's public API, shown as it happens. `innkeeper cancel` ends it from elsewhere.

mod client;
mod order;
mod show;
mod stop;

use std::time::Duration;

use clap::Args;
use tokio::sync::watch;

use self::client::Client;
use self::order::{Order, OrderArgs};
use self::show::Shown;
use self::stop::Stops;
use super::output::{CommandResult, note, show as show_text, show_json};

/// How often the server is asked what happened.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// Run a prompt on a server, and show what the agent does
///
/// Ctrl-C or SIGTERM cancels the turn; the second one leaves at once.
#[derive(Debug, Args)]
pub(super) struct RunCommand {
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    server: ServerArgs,
    /// Show what tools are given and answer whole
    #[arg(long)]
    full: bool,
    /// Show nothing but the session's status at the end, in JSON, as `GET /status/{id}` answers it
    #[arg(long, conflicts_with = "full")]
    json: bool,
}

/// Cancel the turn under way of a session of the tenant
#[derive(Debug, Args)]
pub(super) struct CancelCommand {
    /// The session
    session: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// A server, and who asks it
#[derive(Debug, Args)]
struct ServerArgs {
    /// The server
    #[arg(long, env = "INNKEEPER_URL", default_value = "http://127.0.0.1:8000")]
    url: String,
    /// The tenant's key
    #[arg(long, env = "INNKEEPER_KEY", hide_env_values = true)]
    key: String,
}

impl RunCommand {
    /// Does it, and returns when the turn has ended.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, or the turn does not complete.
    pub(super) async fn run(self) -> CommandResult {
        let stops = Stops::new()?;
        let client = Client::new(&self.server.url, self.server.key)?;
        let order = self.order.order()?;
        if let Some(note_of_mode) = order.mode_note() {
            note(&note_of_mode)?;
        }
        let (started, session) = watch::channel(None);
        let shown = (!self.json).then(|| Shown::new(self.full));
        stop::until_stopped(follow(&client, order, started, shown), &client, session, stops).await
    }
}

impl CancelCommand {
    /// Does it.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub(super) async fn run(self) -> CommandResult {
        Client::new(&self.server.url, self.server.key)?.cancel(&self.session).await?;
        show_text(&format!("The turn of session {} is cancelled.", self.session))
    }
}

/// Starts a turn and follows it to its end. Without `shown`, its status is shown then.
async fn follow(
    client: &Client,
    order: Order,
    started: watch::Sender<Option<String>>,
    shown: Option<Shown>,
) -> CommandResult {
    // Of a session that goes on, only what is new is shown.
    let mut seen = match &order.resume_session_id {
        Some(session) => client.status(session).await?.messages.len(),
        None => 0,
    };
    let session = client.execute(&order).await?;
    started.send_replace(Some(session.clone()));
    if shown.is_some() {
        show::prompt(&session, &order.prompt);
    }
    loop {
        let status = client.status(&session).await?;
        if let Some(shown) = &shown {
            status.messages.iter().skip(seen).for_each(|message| shown.message(message));
        }
        seen = seen.max(status.messages.len());
        if status.has_ended() {
            match &shown {
                Some(_) => show::end(&status),
                None => show_json(&client.whole_status(&session).await?)?,
            }
            return status.verdict();
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}
