//! The agent's command line.
//!
//! Every value that comes from a caller is written as `--flag=value`, one argument: a value that begins with a dash
//! stays a value, and an option that takes several does not swallow what follows.

use std::collections::{BTreeMap, BTreeSet};

use super::repository;
use crate::config::AgentConfig;
use crate::domain::{PermissionMode, RepositoryGrant, SessionId, TurnSpec};

/// The program in the sandbox image.
const PROGRAM: &str = "/usr/local/bin/claude";

/// Which conversation the agent is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversation<'a> {
    /// A new one, under the session's id.
    New(SessionId),
    /// The one it calls by this name, whose transcript lies where it looks for it.
    Resumed(&'a str),
}

/// The command line for a turn.
///
/// Nothing of the repository runs by itself: no settings, hooks or MCP servers of the workspace are read but what is
/// in `grants`; `env` is the environment the agent gets. The transcript is mirrored on the standard output, so that no
/// directory has to be shared to keep it.
pub fn argv(
    conversation: Conversation<'_>,
    spec: &TurnSpec,
    config: &AgentConfig,
    grants: &BTreeSet<RepositoryGrant>,
    env: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut argv: Vec<String> = [
        PROGRAM,
        "-p",
        "--output-format=stream-json",
        "--input-format=stream-json",
        "--verbose",
        "--session-mirror",
        // A resumed conversation takes the system prompt of its new turn, and its transcript is a fifth as long.
        "--system-prompt-snapshot=off",
    ]
    .map(str::to_owned)
    .to_vec();
    argv.extend(repository::options(grants, env));
    argv.push(match conversation {
        Conversation::New(session) => format!("--session-id={session}"),
        Conversation::Resumed(name) => format!("--resume={name}"),
    });
    argv.push(format!("--model={}", spec.model.as_deref().unwrap_or(&config.default_model)));
    let mode = spec.permission_mode.unwrap_or(config.default_permission_mode);
    argv.push(format!("--permission-mode={}", flag_value(mode)));
    if let Some(tools) = &spec.tools {
        argv.push(format!("--tools={}", tools.join(",")));
    }
    if !spec.allowed_tools.is_empty() {
        argv.push(format!("--allowed-tools={}", spec.allowed_tools.join(",")));
    }
    if !spec.disallowed_tools.is_empty() {
        argv.push(format!("--disallowed-tools={}", spec.disallowed_tools.join(",")));
    }
    if let Some(turns) = spec.max_turns {
        argv.push(format!("--max-turns={turns}"));
    }
    argv
}

/// The mode's name on the command line, where the pinned version calls the default `manual`.
const fn flag_value(mode: PermissionMode) -> &'static str {
    match mode {
        PermissionMode::Default => "manual",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> AgentConfig {
        AgentConfig {
            default_model: "claude-sonnet-5-5".to_owned(),
            default_permission_mode: PermissionMode::Default,
            max_output_tokens: 32_000,
            max_retries: 3,
        }
    }

    #[test]
    fn a_bare_request_gets_the_defaults_and_no_settings_of_the_workspace() {
        let session = SessionId::generate();
        let argv =
            argv(Conversation::New(session), &TurnSpec::default(), &config(), &BTreeSet::new(), &BTreeMap::new());
        for expected in [
            "--setting-sources=",
            "--strict-mcp-config",
            "--model=claude-sonnet-5-5",
            "--permission-mode=manual",
            &format!("--session-id={session}"),
        ] {
            assert!(argv.iter().any(|argument| argument == expected), "{expected} is missing in {argv:?}");
        }
    }

    #[test]
    fn what_a_caller_says_never_becomes_an_option_of_its_own() {
        let evil = "--dangerously-skip-permissions".to_owned();
        let spec = TurnSpec {
            model: Some(evil.clone()),
            allowed_tools: vec![evil.clone()],
            disallowed_tools: vec![evil.clone()],
            ..TurnSpec::default()
        };
        let argv = argv(Conversation::Resumed(&evil), &spec, &config(), &BTreeSet::new(), &BTreeMap::new());
        assert!(!argv.contains(&evil), "{argv:?}");
    }
}
