//! How much of a workspace is looked at, kept and reported.

use std::time::Duration;

/// Bounds of one survey. The workspace is the agent's, so each of them may be reached on purpose.
#[derive(Clone, Debug)]
pub struct SurveyBounds {
    /// Names that are read, whatever lies under them. What remains then is reported as not looked at.
    pub names: usize,
    /// How long reading names may take.
    pub deadline: Duration,
    /// How long changes are undone at a time. The rest is left to the next attempt.
    pub undo_deadline: Duration,
    /// Files, and directories, that are recorded and compared; of those that tools make (`node_modules` and the like) half as
    /// many, of each kind of files that would run later a quarter as many before and twice as many after.
    pub entries: usize,
    /// Names in a directory all of whose files would run later, such as `.git/hooks`. One with more is taken for a flood.
    pub place_entries: usize,
    /// Directories below each other.
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
    /// Changes that are undone at a time. The rest is left to the next attempt.
    pub undos: usize,
    /// Bytes of all differences, and of all contents that are put away when changes are undone.
    pub diff_bytes: usize,
    /// See `diff_bytes`.
    pub quarantine_bytes: usize,
}

impl Default for SurveyBounds {
    fn default() -> Self {
        Self {
            names: 4_000_000,
            deadline: Duration::from_mins(2),
            undo_deadline: Duration::from_mins(2),
            entries: 100_000,
            place_entries: 5_000,
            depth: 64,
            path_bytes: 1024,
            text_bytes: 256 << 10,
            executable_bytes: 1 << 20,
            kept_bytes: 64 << 20,
            changes: 1000,
            undos: 250_000,
            diff_bytes: 1 << 20,
            quarantine_bytes: 8 << 20,
        }
    }
}
