//! `innkeeper run`: one prompt through a server's public API, shown as it happens.

mod client;
mod show;

use std::time::Duration;

use clap::Args;

use self::client::{Client, Order};
use super::output::CommandResult;

/// How often the server is asked what happened.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// Run a prompt on a server, and show what the agent does
#[derive(Debug, Args)]
pub(super) struct RunCommand {
    /// What the agent is to do
    prompt: String,
    /// The server
    #[arg(long, env = "INNKEEPER_URL", default_value = "http://127.0.0.1:8000")]
    url: String,
    /// The tenant's key
    #[arg(long, env = "INNKEEPER_KEY", hide_env_values = true)]
    key: String,
    /// Go on with this session instead of starting one
    #[arg(long, value_name = "SESSION")]
    resume: Option<String>,
    /// The directory to work in; without this, the tenant's first root
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// The model
    #[arg(long)]
    model: Option<String>,
    /// What the agent may do unasked: default, acceptEdits, plan or bypassPermissions
    #[arg(long, value_name = "MODE")]
    permission_mode: Option<String>,
}

impl RunCommand {
    /// Does it, and returns when the turn has ended.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, or the turn does not complete.
    pub(super) async fn run(self) -> CommandResult {
        let client = Client::new(&self.url, self.key)?;
        let order = Order {
            prompt: &self.prompt,
            resume_session_id: self.resume.as_deref(),
            cwd: self.cwd.as_deref(),
            model: self.model.as_deref(),
            permission_mode: self.permission_mode.as_deref(),
        };
        // Of a session that goes on, only what is new is shown.
        let mut shown = match &self.resume {
            Some(session) => client.status(session).await?.messages.len(),
            None => 0,
        };
        let session = client.execute(&order).await?;
        show::prompt(&session, &self.prompt);
        loop {
            let status = client.status(&session).await?;
            for message in status.messages.iter().skip(shown) {
                show::message(message);
            }
            shown = shown.max(status.messages.len());
            if status.has_ended() {
                show::end(&status);
                return status.verdict();
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}
