//! Ways into the conversation that are neither the prompt nor a tool's result, and how each is closed.
//!
//! The agent's tools run as the agent's user and share its home. What a tool's program writes there, or sends to the
//! agent, must not reach the model as anything but that tool's result: it would be no event of the session, and the model
//! would take it for somebody's word. Measured with the pinned version, each door by itself:
//!
//! | door | what comes through | closed by |
//! |---|---|---|
//! | a socket in `/tmp/cc-socks` for other sessions | a system message with any text | `HARBOR_KITE`: no socket is made; `crossSessionInbound` refuses what comes |
//! | `Monitor` | each line of its program as a system message | the tool is withheld |
//! | `SendMessage` | a subagent goes on from its transcript on disk, which tools can rewrite | the tool is withheld |
//! | `Workflow` | notifications, and agents' answers replayed from a journal on disk | workflows are off |
//! | `.claude/scheduled_tasks.json`, `ScheduleWakeup` | prompts at a time of their own | schedules are off, the tool is withheld |
//! | `memory/` in the agent's home | becomes part of the system prompt | memory is off |
//! | `~/.claude/ide/*.lock` | selections, diagnostics and tools of an editor | no editor is looked for |
//! | feature flags kept in `~/.claude.json` | reopen the above | flags are not read |
//! | background tasks | notifications after the answer | off since the beginning (`env.rs`) |
//! | settings, hooks, `CLAUDE.md`, rules, skills, agents, MCP servers of the home | all of it | no source of settings, `--strict-mcp-config` (`repository.rs`) |
//!
//! What a tenant is granted of the repository's own configuration is read from the workspace, where tools write.

use serde_json::{Map, Value, json};

/// Tools that no session has.
pub(super) const WITHHELD_TOOLS: [&str; 3] = ["Monitor", "ScheduleWakeup", "SendMessage"];

/// The variables that close doors.
pub(super) const VARIABLES: [(&str, &str); 6] = [
    ("CLAUDE_CODE_AUTO_CONNECT_IDE", "0"),
    ("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1"),
    ("CLAUDE_CODE_DISABLE_CRON", "1"),
    ("CLAUDE_CODE_DISABLE_WORKFLOWS", "1"),
    // The gate of messages between sessions.
    ("CLAUDE_CODE_HARBOR_KITE", "0"),
    ("DISABLE_GROWTHBOOK", "1"),
];

/// The setting that closes a door. What it refuses no other source of settings can allow.
pub(super) fn settings() -> Map<String, Value> {
    [("crossSessionInbound".to_owned(), json!("refuse"))].into_iter().collect()
}
