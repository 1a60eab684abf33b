//! Where a directory is, in terms that a copy of it does not share.
//!
//! A copy has another inode and another time of birth, whatever tool made it. A clone of the whole filesystem has the same
//! of both, but lies on another device. Device numbers may change at a reboot, paths may change when a directory is moved
//! within its filesystem: either alone is no copy. In doubt a directory counts as a copy: what the original left is then not
//! removed by this installation, which is safe, because a sandbox without its server ends by itself.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Where the kernel tells of its present boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The place of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    path: String,
    device: u64,
    inode: u64,
    /// When the directory was created, where the filesystem records that.
    born_nanos: Option<u64>,
    boot: String,
}

impl Place {
    /// The place of `directory` now.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let metadata = directory.metadata()?;
        let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            path: directory.canonicalize()?.to_string_lossy().into_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            born_nanos: born.and_then(|born| u64::try_from(born.as_nanos()).ok()),
            boot: std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned(),
        })
    }

    /// Whether this is the directory that `recorded` (the text of [`Self::to_json`]) describes, and not a copy of it.
    pub fn is_same_as(&self, recorded: &str) -> bool {
        let Ok(recorded) = serde_json::from_str::<Self>(recorded) else { return false };
        let same_directory = self.inode == recorded.inode && self.born_nanos == recorded.born_nanos;
        let rebooted_in_place = self.path == recorded.path && self.boot != recorded.boot;
        same_directory && (self.device == recorded.device || rebooted_in_place)
    }

    /// The place as it is recorded.
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, device: u64, inode: u64, born_nanos: u64, boot: &str) -> Place {
        Place { path: path.to_owned(), device, inode, born_nanos: Some(born_nanos), boot: boot.to_owned() }
    }

    #[test]
    fn directory_is_recognized_after_a_move_or_a_reboot() {
        let recorded = place("/data", 1, 2, 3, "a").to_json();
        for (same, now) in [
            (true, place("/data", 1, 2, 3, "a")),
            (true, place("/moved", 1, 2, 3, "a")),
            (true, place("/data", 9, 2, 3, "b")),
            (false, place("/data", 9, 2, 3, "a")),
            (false, place("/other", 9, 2, 3, "b")),
            (false, place("/data", 1, 9, 3, "a")),
            (false, place("/data", 1, 2, 9, "b")),
        ] {
            assert_eq!(now.is_same_as(&recorded), same, "{now:?}");
        }
    }

    #[test]
    fn record_that_cannot_be_read_is_no_place() {
        let here = place("/data", 1, 2, 3, "a");
        for recorded in ["", "null", "{}", "[1]", "\u{0}"] {
            assert!(!here.is_same_as(recorded), "{recorded}");
        }
    }

    #[test]
    fn copied_directory_is_another_place() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        std::fs::create_dir(at("original")).unwrap();
        let recorded = Place::of(&at("original")).unwrap().to_json();
        let copied = std::process::Command::new("cp").arg("-a").args([at("original"), at("copy")]).status().unwrap();
        assert!(copied.success());
        assert!(!Place::of(&at("copy")).unwrap().is_same_as(&recorded));
        std::fs::rename(at("original"), at("moved")).unwrap();
        assert!(Place::of(&at("moved")).unwrap().is_same_as(&recorded));
    }
}
