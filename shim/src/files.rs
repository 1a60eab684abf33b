//! Files the server wants to be there before the agent starts.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Component, Path};

use innkeeper_shim::protocol::{Fault, FaultKind, File};
use rustix::fs::OFlags;

/// Writes a piece of a file, and the directories above it where they are missing.
pub(crate) fn write(file: &File) -> Result<(), Fault> {
    put(file).map_err(|error| Fault {
        kind: FaultKind::FileNotWritten,
        message: format!("cannot write {}: {error}", file.path),
    })
}

fn put(file: &File) -> io::Result<()> {
    let path = Path::new(&file.path);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an absolute path without .."));
    }
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(file.offset == 0)
        .mode(file.mode)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?
        .write_all_at(&file.bytes, file.offset)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use bytes::Bytes;
    use innkeeper_shim::protocol::ToShim;

    use super::*;

    fn pieces(path: &str, contents: Vec<u8>) -> Vec<File> {
        let pieces = File::pieces(path, 0o600, Bytes::from(contents));
        pieces
            .filter_map(|message| match message {
                ToShim::File(file) => Some(file),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_file_in_pieces_is_whole_however_often_it_is_sent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/transcript");
        let contents: Vec<u8> = (0..=255).cycle().take(File::PIECE_BYTES * 2 + 5).collect();
        let pieces = pieces(path.to_str().unwrap(), contents.clone());
        for piece in pieces.iter().take(2).chain(&pieces) {
            write(piece).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == contents);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_shorter_file_replaces_a_longer_one_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for contents in ["longer", ""] {
            for piece in pieces(path.to_str().unwrap(), contents.into()) {
                write(&piece).unwrap();
            }
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_path_that_climbs_or_follows_a_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("target", &link).unwrap();
        let climbing = directory.path().join("../x");
        for path in ["relative", climbing.to_str().unwrap(), link.to_str().unwrap()] {
            let fault = write(&pieces(path, vec![])[0]).unwrap_err();
            assert_eq!(fault.kind, FaultKind::FileNotWritten, "{path}");
        }
        assert!(!directory.path().join("target").exists());
    }
}
