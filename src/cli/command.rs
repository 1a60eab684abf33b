//! The commands there are, and which does what.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    BudgetsCommand, CommandResult, KeysCommand, TenantsCommand, audit, calls, cleanup, drill, limits, output, run,
    serve, sessions, spawner, stand_in, usage,
};
use crate::config::Config;

/// Runs coding agents for many tenants, each in its own sandbox, every model call metered.
#[derive(Debug, Parser)]
#[command(name = "innkeeper", version)]
pub struct Cli {
    /// A file of settings; see config/default.toml for all of them.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        /// The socket of the spawner that holds the engine, in place of this process (setting `spawner.socket`).
        #[arg(long, value_name = "SOCKET")]
        spawner: Option<PathBuf>,
    },
    /// Run the spawner: it holds the engine and the workspaces for a server that runs as an ordinary user.
    Spawner {
        /// Where it listens (setting `spawner.socket`).
        #[arg(long, value_name = "SOCKET")]
        socket: Option<PathBuf>,
    },
    /// Run the stand-in model: a Messages API whose answers are scripted.
    StandIn {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:4010", value_parser = crate::config::listen_address)]
        listen: SocketAddr,
    },
    /// Run a prompt on a server, and show what the agent does.
    Run(run::RunCommand),
    /// Cancel the turn under way of a tenant's session.
    Cancel(run::CancelCommand),
    /// Create, list, change, suspend and archive tenants.
    Tenants(TenantsCommand),
    /// Create, list, rotate, expire and revoke keys.
    Keys(KeysCommand),
    /// List, show and cancel sessions of all tenants.
    Sessions(sessions::SessionsCommand),
    /// Remove sessions that ended, and what nobody owns.
    Cleanup(cleanup::CleanupCommand),
    /// Show and set what a tenant may use.
    Limits(limits::LimitsCommand),
    /// Create, list, change, top up and archive budgets.
    Budgets(BudgetsCommand),
    /// List the ledger's calls, and put their costs right.
    Calls(calls::CallsCommand),
    /// Show what tenants spent this month, and export it for chargeback.
    Usage(usage::UsageCommand),
    /// Show who changed what.
    Audit(audit::AuditCommand),
    /// Attack sandboxes of this machine, and show which walls held.
    Drill(drill::DrillCommand),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// When it cannot be done; the message says what to do.
    pub async fn run(self) -> CommandResult {
        let mut config = Config::load(self.config.as_deref())?;
        match self.command {
            Command::Serve { spawner } => {
                config.spawner.socket = spawner.unwrap_or(config.spawner.socket);
                serve::serve(config).await
            }
            Command::Spawner { socket } => {
                config.spawner.socket = socket.unwrap_or(config.spawner.socket);
                spawner::spawner(config).await
            }
            Command::Run(command) => command.run().await,
            Command::Cancel(command) => command.run().await,
            Command::StandIn { listen } => {
                let listener = tokio::net::TcpListener::bind(listen)
                    .await
                    .map_err(|error| format!("cannot listen on {listen}: {error}; choose another with --listen"))?;
                output::show(&format!("stand-in model listens on http://{}", listener.local_addr()?))?;
                stand_in::serve(listener, std::future::pending()).await?;
                Ok(())
            }
            Command::Tenants(command) => command.run(&config).await,
            Command::Keys(command) => command.run(&config).await,
            Command::Sessions(command) => command.run(&config).await,
            Command::Cleanup(command) => command.run(&config).await,
            Command::Limits(command) => command.run(&config).await,
            Command::Budgets(command) => command.run(&config).await,
            Command::Calls(command) => command.run(&config).await,
            Command::Usage(command) => command.run(&config).await,
            Command::Audit(command) => command.run(&config).await,
            Command::Drill(command) => command.run(config).await,
        }
    }
}
