//! Why a workspace could not be looked over.

use rustix::io::Errno;

/// Why a workspace could not be looked over: texts for operators. What is odd in the workspace is no error.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The workspace itself cannot be read.
    #[error("the workspace cannot be read; the server's user must be allowed to list it")]
    Workspace(#[source] Errno),
    /// What is kept of files cannot be written or read.
    #[error("what is kept of the workspace's files cannot be stored below data_dir; see that its disk is not full")]
    Keeping(#[source] std::io::Error),
    /// What was known of the workspace before is not there, or damaged.
    #[error("what was known of the workspace before the session is lost")]
    Lost,
    /// Another directory is where the workspace was.
    #[error("another directory lies where the workspace was")]
    Moved,
    /// Looking it over did not come to its end.
    #[error("looking over the workspace did not come to its end; please report this with the server's log")]
    Broken,
}

impl SurveyError {
    /// Whether no further attempt can come to anything.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Lost | Self::Moved)
    }
}
