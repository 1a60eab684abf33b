//! Where surveys are kept between a session's beginning and its end: two files each, which outlive the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Endings of the two files.
const TREE: &str = "tree";
const CONTENTS: &str = "contents";

/// The files of one survey.
#[derive(Clone, Debug)]
pub struct SurveyFiles {
    directory: PathBuf,
    name: String,
}

impl SurveyFiles {
    /// The files below `directory` of the survey called `name`.
    pub fn new(directory: PathBuf, name: String) -> Self {
        Self { directory, name }
    }

    /// Makes both files, empty: the tree's and the contents'.
    pub(super) fn create(&self) -> io::Result<(File, File)> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let create = |path: PathBuf| File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
        Ok((create(self.tree())?, create(self.path(CONTENTS))?))
    }

    /// Where the tree's is.
    pub(super) fn tree(&self) -> PathBuf {
        self.path(TREE)
    }

    /// Opens that of the contents; `None` when it is not there.
    pub(super) fn open_contents(&self) -> io::Result<Option<File>> {
        match File::open(self.path(CONTENTS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Removes both.
    ///
    /// # Errors
    /// When one is there and cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        for path in [self.tree(), self.path(CONTENTS)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files below `directory` of all surveys but those called one of `kept`.
    ///
    /// # Errors
    /// When the directory cannot be read, or a file not be removed.
    pub fn retain(directory: &Path, kept: &[String]) -> io::Result<()> {
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let survey = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if !kept.iter().any(|kept| kept == survey) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.directory.join(format!("{}.{ending}", self.name))
    }
}
