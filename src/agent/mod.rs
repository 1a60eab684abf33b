//! The dialect of the agent, the Claude Code CLI: how it is started, what is said to it, what it says.
//!
//! Pure: nothing here does I/O. The facts were measured with the version `docker/sandbox.Dockerfile` pins.

mod argv;
mod env;
mod input;
mod line;
mod repository;
mod telemetry;

pub use argv::{Conversation, argv};
pub use env::{agent_env, refused_env};
pub use input::{initialize, interrupt, prompt};
pub use line::{AgentLine, Meaning, TurnResult, read_line};
pub use telemetry::telemetry_env;

/// Where the agent's home is in a sandbox.
pub const HOME: &str = "/home/agent";

/// Where the workspace is in a sandbox. The agent derives the name of its transcript's directory from it.
pub const WORKSPACE: &str = "/workspace";

/// Where the agent looks for the transcript of the conversation `name`.
pub fn transcript_path(name: &str) -> String {
    format!("{HOME}/.claude/projects/-workspace/{name}.jsonl")
}
