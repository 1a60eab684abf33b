//! The data directory, as commands open it that work beside the server, or before it was ever started.

use std::error::Error;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use crate::config::Config;
use crate::domain::{By, Clock, SystemClock, Who};
use crate::store::Store;

/// Opens the store of the configured data directory, and makes both when they are not there yet.
pub(super) async fn open_store(config: &Config) -> Result<Store, Box<dyn Error + Send + Sync>> {
    let path = config.data_dir.display();
    // What tenants asked of their agents is nobody else's on this machine to read.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir);
    made.map_err(|error| format!("the data directory `{path}` cannot be made: {error}"))?;
    Ok(Store::open(&config.database_path()).await?)
}

/// Who changes something with a command: the audit is told the user of the machine.
pub(super) fn by() -> By {
    let uid = rustix::process::getuid().as_raw();
    By { who: Who::CommandLine { uid }, from: None, at: SystemClock.now() }
}
