//! What a spawner that serves another process lets it have: the operator's word, not the caller's.

use std::path::{Path, PathBuf};

use super::SpawnerError;

/// The bounds of what may be asked for. In one process there are none: the operator's own calls decide there.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Whatever the server's own settings and its tenants' limits say.
    Embedded,
    /// Only this.
    Private {
        /// The directories below which every workspace lies.
        bases: Vec<PathBuf>,
        /// Images beside the installation's own.
        images: Vec<String>,
        /// Runtimes beside the installation's own.
        runtimes: Vec<String>,
    },
}

impl Policy {
    /// The directory from which `root` is opened without following a link.
    ///
    /// # Errors
    /// When it lies below none of the bases.
    pub(super) fn base_of(&self, root: &Path) -> Result<&Path, SpawnerError> {
        let Self::Private { bases, .. } = self else { return Ok(Path::new("/")) };
        let inside = |base: &&PathBuf| root.starts_with(base) && root != base.as_path();
        let found = bases.iter().filter(inside).max_by_key(|base| base.as_os_str().len());
        found
            .map(PathBuf::as_path)
            .ok_or_else(|| SpawnerError::Refused(format!("`{}` lies below none of spawner.bases", root.display())))
    }

    /// # Errors
    /// When another image than the installation's own is asked for that is not allowed.
    pub(super) fn check_image(&self, image: &str) -> Result<(), SpawnerError> {
        match self {
            Self::Private { images, .. } if !images.iter().any(|allowed| allowed == image) => {
                Err(SpawnerError::Refused(format!("the image `{image}` is none of spawner.images")))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// When another runtime than the installation's own is asked for that is not allowed.
    pub(super) fn check_runtime(&self, runtime: &str) -> Result<(), SpawnerError> {
        match self {
            Self::Private { runtimes, .. } if !runtimes.iter().any(|allowed| allowed == runtime) => {
                Err(SpawnerError::Refused(format!("the runtime `{runtime}` is none of spawner.runtimes")))
            }
            _ => Ok(()),
        }
    }
}
