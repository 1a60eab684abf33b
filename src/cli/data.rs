//! The data directory, as commands open it, whether or not the server is running.

use std::error::Error;

use crate::config::Config;
use crate::domain::{By, Clock, SystemClock, Who};
use crate::store::Store;

/// Opens the store of the configured data directory. Only the server makes one: a command in the wrong directory would begin
/// another installation.
pub(super) async fn open_store(config: &Config) -> Result<Store, Box<dyn Error + Send + Sync>> {
    let path = config.database_path();
    if !path.is_file() {
        let directory = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
        return Err(format!(
            "there is no installation in `{}`: it has no innkeeper.db. Name its data directory with INNKEEPER_DATA_DIR, or \
             with `data_dir` in a file that --config names; `innkeeper serve` makes a new one",
            directory.display()
        )
        .into());
    }
    Ok(Store::open(&path).await?)
}

/// Who changes something with a command: the audit is told the user of the machine.
pub(super) fn by() -> By {
    let uid = rustix::process::getuid().as_raw();
    By { who: Who::CommandLine { uid }, from: None, at: SystemClock.now() }
}
