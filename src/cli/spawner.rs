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
use crate::instance::{Lock, Place};
use crate::lifecycle::Tasks;
use crate::net;
use crate::spawner::{Local, Policy, Server, Socket, Spawner};
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
    tracing::info!(open_files = net::raise_limit()?, "the limit on open files");
    // Nothing of a spawner that runs may be touched: lock first, bind second, and remove sandboxes third.
    let socket = Socket::bind(&settings.socket, settings.client_uid).await;
    let socket = socket.map_err(|error| format!("cannot listen on `{}`: {error}", settings.socket.display()))?;
    private_directory(&settings.state_dir)
        .map_err(|error| format!("cannot make spawner.state_dir `{}`: {error}", settings.state_dir.display()))?;
    let _lock = Lock::of_directory(&settings.state_dir, "spawner.state_dir")?;
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
    // What is known of workspaces is for the server to forget.
    local.remove_all().await?;
    drill_local.sweep(&[]).await?;
    let server = Server::new(socket, Arc::clone(&local), tasks.clone());
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

/// The name on this spawner's sandboxes, made at its first start. A copy of the directory gets a name of its own.
fn installation(state_dir: &Path) -> std::io::Result<String> {
    let (file, place_file) = (state_dir.join("installation"), state_dir.join("installation.place"));
    let place = Place::of(state_dir)?;
    let name = read_if_there(&file)?.map(|name| name.trim().to_owned());
    let is_copy = read_if_there(&place_file)?.is_some_and(|recorded| !place.is_same_as(&recorded));
    let name = match name {
        Some(name) if !is_copy => name,
        original => {
            let name = uuid::Uuid::new_v4().to_string();
            std::fs::write(&file, &name)?;
            if let Some(original) = original {
                tracing::warn!(
                    installation = name,
                    original,
                    "spawner.state_dir is a copy: it is an installation of its own now, and sandboxes of the original are \
                     left alone"
                );
            }
            name
        }
    };
    std::fs::write(place_file, place.to_json())?;
    Ok(name)
}

fn read_if_there(file: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_state_directory_gets_a_name_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let (original, copy) = (parent.path().join("original"), parent.path().join("copy"));
        for directory in [&original, &copy] {
            std::fs::create_dir(directory).unwrap();
        }
        let name = installation(&original).unwrap();
        assert_eq!(installation(&original).unwrap(), name);
        for file in ["installation", "installation.place"] {
            std::fs::copy(original.join(file), copy.join(file)).unwrap();
        }
        let copied = installation(&copy).unwrap();
        assert_ne!(copied, name);
        assert_eq!(installation(&copy).unwrap(), copied);
        assert_eq!(installation(&original).unwrap(), name);
    }
}
