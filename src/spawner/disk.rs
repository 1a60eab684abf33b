//! The disk a workspace lies on, which its sandbox may only write to so often.

use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

/// The block device that holds the filesystem `device`, as the engine names it: the whole disk, because bounds are kept there.
/// `None` where no single disk does (in memory, over the network, of several).
pub(super) fn disk_of(device: u64) -> Option<PathBuf> {
    disk_below(Path::new("/sys/dev/block"), device)
}

fn disk_below(block: &Path, device: u64) -> Option<PathBuf> {
    let entry = block.join(format!("{}:{}", major(device), minor(device))).canonicalize().ok()?;
    // A partition's directory lies in its disk's.
    let disk = if entry.join("partition").exists() { entry.parent()? } else { &entry };
    let path = Path::new("/dev").join(disk.file_name()?);
    path.exists().then_some(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::makedev;

    use super::*;

    #[test]
    fn a_partition_is_bounded_as_its_disk_and_what_lies_on_no_disk_is_not() {
        let sys = tempfile::tempdir().unwrap();
        let disk = sys.path().join("devices/null");
        std::fs::create_dir_all(disk.join("null1")).unwrap();
        std::fs::write(disk.join("null1/partition"), "1\n").unwrap();
        symlink(&disk, sys.path().join("8:0")).unwrap();
        symlink(disk.join("null1"), sys.path().join("8:1")).unwrap();
        let found = |minor| disk_below(sys.path(), makedev(8, minor));
        assert_eq!(found(0).as_deref(), Some(Path::new("/dev/null")));
        assert_eq!(found(1).as_deref(), Some(Path::new("/dev/null")));
        assert_eq!(found(2), None);
        assert_eq!(disk_of(makedev(0, 42)), None);
    }
}
