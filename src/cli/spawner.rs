//! `innkeeper spawner`: the process that holds the engine and the workspaces, for a server that does not.

#![expect(clippy::print_stdout, reason = "a command's output")]

use std::error::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::app::{connect_engine, embedded};
use crate::cli::CommandResult;
use crate::config::Config;
use crate::domain::SystemClock;
use crate::drill::{self, Drill};
use crate::lifecycle::Tasks;
use crate::spawner::{Local, Policy, Server, Spawner};
use crate::telemetry;

/// Runs the spawner until it is told to end. Sandboxes that are there then are removed.
///
/// # Errors
/// When its settings leave a hole, the engine does not answer, or the socket cannot be made.
pub(super) async fn spawner(config: Config) -> CommandResult {
    telemetry::init_logs(&config.log)?;
    let settings = config.spawner.clone();
    if settings.socket.as_os_str().is_empty() {
        return Err("the spawner needs a socket: give --socket PATH or the setting spawner.socket".into());
    }
    if settings.bases.is_empty() {
        return Err("the spawner opens workspaces only below spawner.bases, and there are none: name the directories \
                    your tenants' roots are made in, such as spawner.bases = [\"/srv/workspaces\"]"
            .into());
    }
    let (drill_config, drill_local) = beside_spawner(config.clone()).await?;
    let installation = installation(&settings.state_dir)?;
    let engine = connect_engine(&config).await?;
    let policy = Policy::Private { bases: settings.bases, images: settings.images, runtimes: settings.runtimes };
    let tasks = Tasks::new();
    let grace = Duration::from_millis(config.http.shutdown_grace_ms);
    let directories = settings.state_dir.join("sandboxes");
    let local = Arc::new(Local::new(engine, Arc::new(config), policy, &installation, directories));
    local.check_bases()?;
    local.find_image(None).await?;
    tracing::info!(engine = local.describe().await?, "the engine is there");
    local.sweep().await?;
    drill_local.sweep().await?;
    let server = Server::bind(&settings.socket, settings.client_uid, Arc::clone(&local), tasks.clone()).await;
    let server = server.map_err(|error| format!("cannot listen on `{}`: {error}", settings.socket.display()))?;
    if drill_config.drill.at_start {
        let spawning = tasks.clone();
        tasks.spawn("drill", async move {
            let drill = Drill::new(Arc::new(drill_local), &drill_config, Arc::new(SystemClock), spawning);
            let report = drill::at_start(drill, &drill_config).await;
            if let Some(report) = report.and_then(|report| serde_json::to_value(report).ok()) {
                local.keep_drill(report);
            }
        });
    }
    tasks.spawn("spawner", server.run());
    println!("innkeeper spawner listens on {} for user {}", settings.socket.display(), settings.client_uid);
    if tasks.run_until_ended(grace, std::future::ready(())).await? {
        Ok(())
    } else {
        Err("a part of the spawner crashed; the log above says which".into())
    }
}

/// Whether the engine is held by a spawner, and not by the server.
pub(super) fn is_split(config: &Config) -> bool {
    !config.spawner.socket.as_os_str().is_empty()
}

/// The settings of a drill beside the spawner, in a directory of its own below the spawner's, and what makes its sandboxes.
/// They are of an installation of their own: a server that starts has the spawner remove what is left of the other.
///
/// # Errors
/// When the directory cannot be used, or the engine does not answer.
pub(super) async fn beside_spawner(mut config: Config) -> Result<(Config, Local), Box<dyn Error + Send + Sync>> {
    let state_dir = config.spawner.state_dir.clone();
    private_directory(&state_dir)
        .map_err(|error| format!("cannot make spawner.state_dir `{}`: {error}", state_dir.display()))?;
    config.data_dir = state_dir.canonicalize()?.join("drill");
    let installation = format!("{}-drill", installation(&state_dir)?);
    let local = embedded(&Arc::new(config.clone()), &installation).await?;
    Ok((config, local))
}

/// Makes a directory that nobody else looks into.
fn private_directory(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// The name by which this spawner knows its sandboxes again, made at its first start.
fn installation(state_dir: &Path) -> std::io::Result<String> {
    let file = state_dir.join("installation");
    match std::fs::read_to_string(&file) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = uuid::Uuid::new_v4().to_string();
            std::fs::write(&file, &name)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}
