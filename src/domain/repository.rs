//! What of a repository's own configuration an agent heeds: nothing, unless the tenant is granted it.

use serde::{Deserialize, Serialize};

/// A part of the workspace's own configuration that an agent can read, each granted by itself. Whoever can write to the
/// repository decides what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryGrant {
    /// `CLAUDE.md`: text the agent takes as instructions. Its author can tell the agent what to do.
    ClaudeMd,
    /// `.claude/skills`: further instructions and scripts the agent may choose to follow and run.
    Skills,
    /// `.claude/settings.json`: hooks run without the agent's asking, and permissions are widened.
    Settings,
    /// `.mcp.json`: programs that are started with the agent, and their tools.
    McpServers,
}
