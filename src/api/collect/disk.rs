//! The disk that holds the data directory, and how large the database is.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use rustix::fs::statvfs;

use crate::config::Config;
use crate::metrics::Page;
use crate::metrics::catalogue::{DATABASE_SIZE, DISK_FREE, DISK_SIZE};

/// Writes it.
pub(super) fn collect(config: &Config, page: &mut Page) -> io::Result<()> {
    let database = config.database_path();
    let directory = database.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = statvfs(directory)?;
    let mut log = OsString::from(database.as_os_str());
    log.push("-wal");
    let size = std::fs::metadata(&database)?.len() + std::fs::metadata(&log).map_or(0, |log| log.len());
    page.write(DISK_FREE, [([""; 0], disk.f_bavail.saturating_mul(disk.f_frsize))]);
    page.write(DISK_SIZE, [([""; 0], disk.f_blocks.saturating_mul(disk.f_frsize))]);
    page.write(DATABASE_SIZE, [([""; 0], size)]);
    Ok(())
}
