//! `innkeeper spawner`: the process that holds the engine and the workspaces, for a server that does not.

#![expect(clippy::print_stdout, reason = "a command's output")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::app::connect_engine;
use crate::cli::CommandResult;
use crate::config::Config;
use crate::lifecycle::Tasks;
use crate::spawner::{Local, Policy, Server, Spawner};
use crate::telemetry;

/// Runs the spawner until it is told to end. Sandboxes that are there then are removed.
///
/// # Errors
/// When its settings leave a hole, the engine does not answer, or the socket cannot be made.
pub(super) async fn spawner(config: Config) -> CommandResult {
    telemetry::init(&config.log)?;
    let settings = config.spawner.clone();
    if settings.socket.as_os_str().is_empty() {
        return Err("the spawner needs a socket: give --socket PATH or the setting spawner.socket".into());
    }
    if settings.bases.is_empty() {
        return Err("the spawner opens workspaces only below spawner.bases, and there are none: name the directories \
                    your tenants' roots are made in, such as spawner.bases = [\"/srv/workspaces\"]"
            .into());
    }
    private_directory(&settings.state_dir)
        .map_err(|error| format!("cannot make spawner.state_dir `{}`: {error}", settings.state_dir.display()))?;
    let installation = installation(&settings.state_dir.join("installation"))?;
    let engine = connect_engine(&config).await?;
    let policy = Policy::Private { bases: settings.bases, images: settings.images, runtimes: settings.runtimes };
    let tasks = Tasks::new();
    let grace = Duration::from_millis(config.http.shutdown_grace_ms);
    let local = Local::new(engine, Arc::new(config), policy, &installation, settings.state_dir.join("sandboxes"));
    local.check_bases()?;
    local.check_image(None).await?;
    tracing::info!(engine = local.describe().await?, "the engine is there");
    local.sweep().await?;
    let server = Server::bind(&settings.socket, settings.client_uid, local, tasks.clone()).await;
    let server = server.map_err(|error| format!("cannot listen on `{}`: {error}", settings.socket.display()))?;
    tasks.spawn("spawner", server.run());
    println!("innkeeper spawner listens on {} for user {}", settings.socket.display(), settings.client_uid);
    if tasks.run_until_ended(grace, std::future::ready(())).await? {
        Ok(())
    } else {
        Err("a part of the spawner crashed; the log above says which".into())
    }
}

/// Makes a directory that nobody else looks into.
fn private_directory(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// The name by which this spawner knows its sandboxes again, made at its first start.
fn installation(file: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(file) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = uuid::Uuid::new_v4().to_string();
            std::fs::write(file, &name)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}
