//! `[survey]`: what is kept and told of what sessions change in their workspaces.

use serde::Deserialize;

/// Bounds of looking over a workspace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyConfig {
    /// Whether workspaces are looked over where no tenant's policy asks for it.
    pub enabled: bool,
    /// Names that are read in a workspace, whatever lies under them.
    pub max_names: usize,
    /// How long reading them may take.
    pub deadline_ms: u64,
    /// Files, and directories, that are compared.
    pub max_entries: usize,
    /// Names in a directory all of whose files would run later; one with more is taken for a flood.
    pub max_place_entries: usize,
    /// Directories below each other that are looked at.
    pub max_depth: usize,
    /// The longest text whose difference is told.
    pub text_bytes: u64,
    /// The largest file that would run later that can be undone.
    pub executable_bytes: u64,
    /// Bytes kept of all texts, and again of all files that would run later.
    pub kept_bytes: u64,
    /// Changes that are told, and again those of files that would run later.
    pub max_changes: usize,
    /// Bytes of a turn's differences.
    pub diff_bytes: usize,
    /// Bytes put away of what is undone of a turn.
    pub quarantine_bytes: usize,
}
