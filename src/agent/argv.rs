//! The agent's command line.
//!
//! Every value that comes from a caller is written as `--flag=value`, one argument: a value that begins with a dash
//! stays a value, and an option that takes several does not swallow what follows.

use std::collections::{BTreeMap, BTreeSet};

use super::planning::EXIT_PLAN_MODE;
use super::{doors, repository};
use crate::config::AgentConfig;
use crate::domain::{PermissionMode, RepositoryGrant, SessionId, TurnSpec};

/// The program in the sandbox image.
const PROGRAM: &str = "/usr/local/bin/claude";

/// Asks the user, of whom there is none.
const ASK_USER: &str = "AskUserQuestion";

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
    let is_planning = mode == PermissionMode::Plan;
    if is_planning {
        // Without it the agent has no tool to end its planning with (`planning.rs`).
        argv.push("--permission-prompt-tool=stdio".to_owned());
    }
    if let Some(tools) = &spec.tools {
        let planning = is_planning.then_some(EXIT_PLAN_MODE);
        let tools: Vec<_> = tools.iter().map(String::as_str).chain(planning).collect();
        argv.push(format!("--tools={}", tools.join(",")));
    }
    if !spec.allowed_tools.is_empty() {
        argv.push(format!("--allowed-tools={}", spec.allowed_tools.join(",")));
    }
    // Ours first: a parenthesis that a caller leaves open swallows what follows.
    let asking = is_planning.then_some(ASK_USER);
    let withheld = doors::WITHHELD_TOOLS.into_iter().chain(asking);
    let withheld: Vec<_> = withheld.chain(spec.disallowed_tools.iter().map(String::as_str)).collect();
    argv.push(format!("--disallowed-tools={}", withheld.join(",")));
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
    fn plan_mode_can_be_ended_and_asks_nobody() {
        let plan = |mode, tools: Option<&[&str]>| {
            let tools = tools.map(|tools| tools.iter().map(|&tool| tool.to_owned()).collect());
            let spec = TurnSpec { permission_mode: Some(mode), tools, ..TurnSpec::default() };
            argv(Conversation::Resumed("x"), &spec, &config(), &BTreeSet::new(), &BTreeMap::new()).join(" ")
        };
        let line = plan(PermissionMode::Plan, Some(&["Read"]));
        assert!(line.contains("--permission-prompt-tool=stdio --tools=Read,ExitPlanMode"), "{line}");
        assert!(line.ends_with("--disallowed-tools=Monitor,ScheduleWakeup,SendMessage,AskUserQuestion"), "{line}");
        let line = plan(PermissionMode::AcceptEdits, None);
        assert!(!line.contains("stdio") && !line.contains("AskUser") && !line.contains("--tools"), "{line}");
    }

    #[test]
    fn withheld_tools_stay_withheld_whatever_a_caller_leaves_open() {
        let spec = TurnSpec { disallowed_tools: vec!["Bash(".to_owned(), "Read".to_owned()], ..TurnSpec::default() };
        let argv = argv(Conversation::Resumed("x"), &spec, &config(), &BTreeSet::new(), &BTreeMap::new());
        assert!(
            argv.contains(&"--disallowed-tools=Monitor,ScheduleWakeup,SendMessage,Bash(,Read".to_owned()),
            "{argv:?}"
        );
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
