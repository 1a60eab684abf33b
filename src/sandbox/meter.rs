//! A workspace's meter: looks at what it holds and at what its filesystem has left, and says when it is too much.
//!
//! Looking is made cheap: as long as the filesystem has not lost more than the workspace was below its bound, the walk
//! through it is left out, though not many times in a row, because others may give back what this one takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::spawner::{EngineId, Spawner, SpawnerError, WorkspaceSize};
use crate::telemetry::Trouble;

/// Walks that may be left out in a row.
const MOST_LEFT_OUT: u32 = 5;

/// How much longer than a walk took is waited before the next one.
const REST_FACTOR: u32 = 10;

/// How long a start waits for the first walk. A larger workspace is judged while its agent works.
const FIRST_WALK: Duration = Duration::from_secs(10);

/// What a workspace may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Bytes on the disk.
    pub(super) bytes: u64,
    /// Files and directories.
    pub(super) files: u64,
    /// Bytes that must stay free on its filesystem.
    pub(super) free: u64,
}

/// Why a workspace is too full: texts for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overfull {
    /// It takes too much of the disk.
    #[error("The workspace holds {bytes} bytes, more than the {most} it may")]
    Bytes {
        /// What it takes.
        bytes: u64,
        /// What it may take.
        most: u64,
    },
    /// It has too many files.
    #[error("The workspace holds more than the {most} files and directories it may")]
    Files {
        /// How many it may have.
        most: u64,
    },
    /// It cannot be counted.
    #[error("The workspace's directories are nested too deep for what it holds to be counted")]
    Deep,
    /// The disk is full, whoever filled it.
    #[error("The workspace's filesystem has {free} bytes left, fewer than the {least} that must stay free")]
    Disk {
        /// What is left.
        free: u64,
        /// What must be left.
        least: u64,
    },
}

/// Measures one workspace.
#[derive(Debug)]
pub(super) struct Meter {
    spawner: Arc<dyn Spawner>,
    sandbox: EngineId,
    bounds: Bounds,
    every: Duration,
    seen: Option<Seen>,
    trouble: Trouble,
}

/// What a walk found.
#[derive(Clone, Copy, Debug)]
struct Seen {
    bytes: u64,
    free: u64,
    left_out: u32,
}

impl Meter {
    pub(super) fn new(spawner: Arc<dyn Spawner>, sandbox: EngineId, bounds: Bounds, every: Duration) -> Self {
        Self { spawner, sandbox, bounds, every, seen: None, trouble: Trouble::default() }
    }

    /// Whether the workspace is too full to begin with.
    pub(super) async fn first(&mut self) -> Option<Overfull> {
        timeout(FIRST_WALK, self.look()).await.unwrap_or_default()
    }

    /// Waits until the workspace is too full.
    pub(super) async fn overfull(&mut self) -> Overfull {
        let mut rest = self.every;
        loop {
            sleep(rest).await;
            let began = Instant::now();
            if let Some(overfull) = self.look().await {
                return overfull;
            }
            rest = self.every.max(began.elapsed() * REST_FACTOR);
        }
    }

    /// Looks once. What cannot be looked at is in the log, and not too full.
    async fn look(&mut self) -> Option<Overfull> {
        let looked = self.try_look().await;
        match looked {
            Ok(found) => {
                self.trouble.ends();
                found
            }
            Err(error) => {
                if self.trouble.begins() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "what a workspace holds cannot be counted"
                    );
                }
                None
            }
        }
    }

    async fn try_look(&mut self) -> Result<Option<Overfull>, SpawnerError> {
        let free = self.spawner.free_bytes(&self.sandbox).await?;
        if free < self.bounds.free {
            return Ok(Some(Overfull::Disk { free, least: self.bounds.free }));
        }
        if self.can_be_left_out(free) {
            return Ok(None);
        }
        let size = self.spawner.measure(&self.sandbox, self.bounds.files).await?;
        if size.closed > 0 {
            tracing::debug!(size.closed, "directories of a workspace are closed to the server and not counted");
        }
        self.seen = Some(Seen { bytes: size.bytes, free, left_out: 0 });
        Ok(self.bounds.fault(size))
    }

    fn can_be_left_out(&mut self, free: u64) -> bool {
        let Some(seen) = &mut self.seen else { return false };
        let at_most = seen.bytes.saturating_add(seen.free.saturating_sub(free));
        seen.left_out += 1;
        at_most <= self.bounds.bytes && seen.left_out <= MOST_LEFT_OUT
    }
}

impl Bounds {
    fn fault(&self, size: WorkspaceSize) -> Option<Overfull> {
        if size.bytes > self.bytes {
            return Some(Overfull::Bytes { bytes: size.bytes, most: self.bytes });
        }
        if size.too_many {
            return Some(Overfull::Files { most: self.files });
        }
        size.too_deep.then_some(Overfull::Deep)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::Config;
    use crate::spawner::{Local, Order, WorkspacePath};

    const BOUNDS: Bounds = Bounds { bytes: 1 << 20, files: 10, free: 0 };

    /// A meter of the workspace `path` of a sandbox in memory.
    async fn meter(path: &Path, bounds: Bounds) -> Meter {
        let sockets = path.parent().unwrap().join("data");
        let mut config = Config::load(None).unwrap();
        config.data_dir = sockets;
        let spawner = Local::fake(&Arc::new(config));
        let _ = std::os::unix::fs::chown(path, Some(20_001), Some(20_001));
        let workspace = WorkspacePath { root: path.to_owned(), relative: "".into() };
        let sandbox = spawner.open(Order::test(workspace)).await.unwrap().id;
        Meter::new(spawner, sandbox, bounds, Duration::from_millis(1))
    }

    /// A directory to be a workspace in one to keep all in.
    fn workspace() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("workspace");
        std::fs::create_dir(&path).unwrap();
        (directory, path)
    }

    #[tokio::test]
    async fn what_is_too_much_is_told_with_both_numbers() {
        let (_directory, path) = workspace();
        assert_eq!(meter(&path, BOUNDS).await.first().await, None);
        let least = u64::MAX;
        let disk = meter(&path, Bounds { free: least, ..BOUNDS }).await.first().await.unwrap();
        assert!(disk.to_string().contains(&least.to_string()), "{disk}");

        std::fs::write(path.join("large"), vec![1; 2 << 20]).unwrap();
        let full = meter(&path, BOUNDS).await.overfull().await;
        let Overfull::Bytes { bytes, most } = full else { panic!("{full:?}") };
        assert!(bytes >= 2 << 20 && most == 1 << 20, "{full}");
        assert!(full.to_string().contains(&bytes.to_string()) && full.to_string().contains("1048576"), "{full}");

        let many = Bounds { bytes: u64::MAX, files: 0, ..BOUNDS };
        assert_eq!(meter(&path, many).await.first().await, Some(Overfull::Files { most: 0 }));
    }

    #[tokio::test]
    async fn a_walk_is_left_out_while_the_disk_has_not_lost_enough_and_not_for_ever() {
        let (_directory, path) = workspace();
        let mut meter = meter(&path, BOUNDS).await;
        assert!(!meter.can_be_left_out(1 << 30), "nothing was seen yet");
        meter.seen = Some(Seen { bytes: 1 << 19, free: 1 << 30, left_out: 0 });
        assert!(meter.can_be_left_out((1 << 30) - (1 << 19)));
        assert!(!meter.can_be_left_out((1 << 30) - (1 << 19) - 1));
        let in_a_row = (2..20).take_while(|_| meter.can_be_left_out(2 << 30)).count();
        assert_eq!(in_a_row, MOST_LEFT_OUT as usize - 2);
    }
}
