//! Whether two directories overlap, by their names and by what they are.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A directory that exists, or might come to.
#[derive(Debug)]
pub(super) struct Place {
    /// Its path without symbolic links, as far as it exists.
    path: PathBuf,
    /// Device and inode of what exists of it, from the innermost directory outwards. They tell a bind mount from what
    /// it looks like.
    lineage: Vec<(u64, u64)>,
    /// Whether all of it exists.
    exists: bool,
}

impl Place {
    /// Looks at `path`.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        for existing in path.ancestors() {
            match existing.canonicalize() {
                Ok(real) => {
                    let missing = path.strip_prefix(existing).unwrap_or(Path::new(""));
                    let lineage = real.ancestors().map(identity).collect::<io::Result<_>>()?;
                    let exists = missing.as_os_str().is_empty();
                    // Joining nothing would add a slash.
                    let path = if exists { real } else { real.join(missing) };
                    return Ok(Self { path, lineage, exists });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// Where it really is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there now.
    pub(super) fn exists(&self) -> bool {
        self.exists
    }

    /// Whether one of the two is, or lies in, the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    fn contains(&self, other: &Self) -> bool {
        let itself = self.lineage.first().filter(|_| self.exists);
        other.path.starts_with(&self.path) || itself.is_some_and(|itself| other.lineage.contains(itself))
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn overlap(one: &Path, two: &Path) -> bool {
        Place::at(one).unwrap().overlaps(&Place::at(two).unwrap())
    }

    #[test]
    fn a_directory_overlaps_itself_its_insides_and_its_outsides() {
        let base = tempfile::tempdir().unwrap();
        let at = |path: &str| base.path().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::create_dir(at("ab")).unwrap();
        for (one, two) in [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "a/missing"), ("missing", "missing/x")] {
            assert!(overlap(&at(one), &at(two)), "{one} {two}");
        }
        for (one, two) in [("a", "ab"), ("a/b", "ab"), ("a/b", "a/missing"), ("missing", "missing2")] {
            assert!(!overlap(&at(one), &at(two)), "{one} {two}");
        }
    }

    #[test]
    fn a_link_overlaps_what_it_leads_to() {
        let base = tempfile::tempdir().unwrap();
        let at = |path: &str| base.path().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        symlink(at("a"), at("link")).unwrap();
        assert!(overlap(&at("link"), &at("a/b")));
        assert!(overlap(&at("link/missing"), &at("a")));
        assert!(overlap(&at("link/missing"), &at("a/missing/x")));
        assert!(!overlap(&at("link/b"), &at("a/c")));
    }
}
