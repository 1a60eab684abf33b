//! An exclusive lock on a directory or a socket. The kernel releases it when its holder ends, however it ends.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The file that is locked for a directory.
const LOCK_FILE: &str = "innkeeper.lock";

/// The longest process id that is read from a lock file.
const MAX_PID_BYTES: u64 = 16;

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "`{}` is in use by another innkeeper{}: stop that process first, or choose another path with the setting `{setting}`",
        subject.display(),
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Held {
        /// What is locked.
        subject: PathBuf,
        /// Who holds the lock, if that is known.
        holder: Option<u32>,
        /// The setting that chooses another path.
        setting: &'static str,
    },
    /// The lock file cannot be used.
    #[error("cannot lock `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Locks `directory`, which the setting `setting` names.
    ///
    /// # Errors
    /// When another process holds the lock, or the lock file cannot be written.
    pub fn of_directory(directory: &Path, setting: &'static str) -> Result<Self, LockError> {
        Self::take(&directory.join(LOCK_FILE), directory, setting)
    }

    /// Locks the path of a unix socket, so that it can be removed and bound without taking it from a live process.
    ///
    /// # Errors
    /// When another process holds the lock, or the lock file cannot be written.
    pub fn of_socket(socket: &Path, setting: &'static str) -> Result<Self, LockError> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        Self::take(Path::new(&path), socket, setting)
    }

    fn take(path: &Path, subject: &Path, setting: &'static str) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let opened = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = opened.map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                record_holder(&mut file).map_err(failed)?;
                Ok(Self { _file: file })
            }
            Err(Errno::WOULDBLOCK) => {
                let (subject, holder) = (subject.to_owned(), read_holder(&mut file));
                Err(LockError::Held { subject, holder, setting })
            }
            Err(errno) => Err(failed(errno.into())),
        }
    }
}

/// Writes who holds the lock, for the message of whoever comes second.
fn record_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_lock_is_refused_with_the_holders_process_id() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::of_directory(directory.path(), "data_dir").unwrap();
        let refused = Lock::of_directory(directory.path(), "data_dir").unwrap_err().to_string();
        let pid = std::process::id();
        assert!(refused.contains(&format!("process {pid}")) && refused.contains("`data_dir`"), "{refused}");
        drop(first);
        Lock::of_directory(directory.path(), "data_dir").unwrap();
    }

    #[test]
    fn lock_is_refused_even_if_the_holder_left_no_process_id() {
        let directory = tempfile::tempdir().unwrap();
        let _first = Lock::of_directory(directory.path(), "data_dir").unwrap();
        std::fs::write(directory.path().join(LOCK_FILE), "?\u{1f}").unwrap();
        let refused = Lock::of_directory(directory.path(), "data_dir").unwrap_err().to_string();
        assert!(refused.contains("in use by another innkeeper: stop"), "{refused}");
    }

    #[test]
    fn socket_and_directory_have_locks_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s.sock");
        let _one = Lock::of_socket(&socket, "spawner.socket").unwrap();
        let _other = Lock::of_directory(directory.path(), "spawner.state_dir").unwrap();
        assert!(matches!(Lock::of_socket(&socket, "spawner.socket"), Err(LockError::Held { .. })));
    }

    #[test]
    fn unusable_lock_file_is_named() {
        let error = Lock::of_directory(Path::new("/nowhere/at/all"), "data_dir").unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all/innkeeper.lock"), "{error}");
    }
}
