//! The way with Docker Compose: what the files say, and the server and its spawner as Compose runs them.

mod files;
mod running;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub(super) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file beside the Dockerfiles.
pub(super) fn file(name: &str) -> PathBuf {
    repository().join("docker").join(name)
}

/// Compose, by whichever name it is installed; `None` where it is not (`scripts/test.sh` installs it where it can).
pub(super) fn compose() -> Option<Command> {
    let plugin = Command::new("docker").args(["compose", "version"]).output();
    if plugin.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("docker");
        command.arg("compose");
        return Some(command);
    }
    let alone = Command::new("docker-compose").arg("version").output();
    alone.is_ok_and(|output| output.status.success()).then(|| Command::new("docker-compose"))
}
