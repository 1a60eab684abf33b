//! How much of a workspace is looked at, kept and told.

use std::path::PathBuf;

/// Bounds of one survey. The workspace is the agent's, so each of them may be reached on purpose.
#[derive(Clone, Debug)]
pub struct SurveyBounds {
    /// Where the file of kept contents is made. It has no name there, so a crash leaves nothing behind.
    pub directory: PathBuf,
    /// Files and directories that are looked at; of those that tools make (`node_modules` and the like) half as many beside.
    pub entries: usize,
    /// Directories below each other. As many descriptors are open at a time.
    pub depth: usize,
    /// Bytes of a path.
    pub path_bytes: usize,
    /// Bytes of a text that are kept for its difference.
    pub text_bytes: u64,
    /// Bytes of a file that would run later that are kept, before and after.
    pub executable_bytes: u64,
    /// Bytes of all texts that are kept, and again of all files that would run later.
    pub kept_bytes: u64,
    /// Changes that are listed; as many again of files that would run later.
    pub changes: usize,
    /// Bytes of all differences, and of all contents that are put away when changes are undone.
    pub diff_bytes: usize,
    /// See `diff_bytes`.
    pub quarantine_bytes: usize,
}

impl SurveyBounds {
    /// The bounds of the settings' defaults, keeping contents in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            entries: 100_000,
            depth: 64,
            path_bytes: 1024,
            text_bytes: 256 << 10,
            executable_bytes: 1 << 20,
            kept_bytes: 64 << 20,
            changes: 1000,
            diff_bytes: 1 << 20,
            quarantine_bytes: 8 << 20,
        }
    }
}
