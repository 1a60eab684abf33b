//! The dialect of the agent, the Claude Code CLI: how it is started, what is said to it, what it says.
//!
//! Pure: nothing here does I/O. The facts were measured with the version `docker/sandbox.Dockerfile` pins.

mod argv;
mod depth;
mod doors;
mod env;
mod input;
mod json;
mod line;
mod loss;
mod names;
mod planning;
mod question;
mod repository;
mod result;
mod surrogates;
mod telemetry;
#[cfg(test)]
mod tests;

pub use argv::{Conversation, argv};
pub use env::agent_env;
pub use input::{initialize, interrupt, prompt};
pub use line::{AgentLine, Meaning, read_beginning, read_error, read_line};
pub use loss::Loss;
pub use names::{RefusedName, refused_env};
pub use planning::Planning;
pub use question::Question;
pub use result::TurnResult;
pub use telemetry::telemetry_env;

/// Where the agent's home is in a sandbox.
pub const HOME: &str = "/home/agent";

/// Where the workspace is in a sandbox. The agent derives the name of its transcript's directory from it.
pub const WORKSPACE: &str = "/workspace";

/// Where the agent looks for the transcript of the conversation `name`.
pub fn transcript_path(name: &str) -> String {
    format!("{HOME}/.claude/projects/-workspace/{name}.jsonl")
}
