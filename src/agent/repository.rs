//! What the agent is made to heed of the repository's own configuration: nothing, but for what its tenant is granted.
//!
//! Measured with the pinned version, each alone and all together (`tests/it/repository.rs`):
//!
//! | granted | how | what comes with it |
//! |---|---|---|
//! | nothing | `--setting-sources=` and `--strict-mcp-config` | nothing |
//! | `claude_md` | the workspace as an additional directory whose `CLAUDE.md` is read | `.claude/CLAUDE.md`, `.claude/rules`, what they import |
//! | `skills` | a plugin in the image with a link to `.claude/skills` and nothing else | nothing: a skill's hooks and shell insertions stay off |
//! | `mcp_servers` | a plugin in the image with a link to `.mcp.json` and nothing else | nothing |
//! | `settings` | `--setting-sources=project` | hooks, `apiKeyHelper`, skills, commands, agents, output styles: the source cannot be had without |
//!
//! Only the agent reads the workspace for this, inside its sandbox. Where the workspace has no such thing nothing happens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{WORKSPACE, doors, names::is_refused};
use crate::domain::RepositoryGrant::{self, ClaudeMd, McpServers, Settings, Skills};

/// Where the image has the plugins that show one part of the workspace each (`docker/sandbox.Dockerfile`).
const PLUGINS: &str = "/usr/local/lib/innkeeper";

/// Has the agent read `CLAUDE.md` in the directories it is given beside its own.
const READ_CLAUDE_MD: &str = "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD";

/// Has it read none.
const READ_NO_CLAUDE_MD: &str = "CLAUDE_CODE_DISABLE_CLAUDE_MDS";

/// The options that grant exactly `grants`. `env` is the agent's environment: what of it is the installation's wins
/// over what the repository's settings say, so that they cannot lead the agent away from the gateway.
pub(super) fn options(grants: &BTreeSet<RepositoryGrant>, env: &BTreeMap<String, String>) -> Vec<String> {
    let has = |grant| grants.contains(&grant);
    let mut options = Vec::new();
    options.push(if has(Settings) { "--setting-sources=project" } else { "--setting-sources=" }.to_owned());
    match (has(McpServers), has(Settings)) {
        (false, _) => options.push("--strict-mcp-config".to_owned()),
        (true, false) => options.push(format!("--plugin-dir={PLUGINS}/repository-mcp")),
        // The project's own come with its settings, under their own names.
        (true, true) => {}
    }
    let mut settings = doors::settings();
    // In plan mode the agent would ask a classifier of its maker's about each command, which there is no way to.
    settings.insert("useAutoModeDuringPlan".to_owned(), json!(false));
    if has(Settings) {
        let ours: BTreeMap<_, _> = env.iter().filter(|(name, _)| is_refused(name)).collect();
        settings.insert("env".to_owned(), json!(ours));
    } else if has(Skills) {
        options.push(format!("--plugin-dir={PLUGINS}/repository-skills"));
        settings.insert("disableAllHooks".to_owned(), json!(true));
        settings.insert("disableSkillShellExecution".to_owned(), json!(true));
    }
    options.push(format!("--settings={}", Value::from(settings)));
    if has(ClaudeMd) && !has(Settings) {
        options.push(format!("--add-dir={WORKSPACE}"));
    }
    options
}

/// The variables that go with them.
pub(super) fn variables(grants: &BTreeSet<RepositoryGrant>) -> Option<(&'static str, &'static str)> {
    match (grants.contains(&ClaudeMd), grants.contains(&Settings)) {
        (true, false) => Some((READ_CLAUDE_MD, "1")),
        (false, true) => Some((READ_NO_CLAUDE_MD, "1")),
        // With the project's settings `CLAUDE.md` is read anyway; without either it is not.
        (true, true) | (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options_of<const N: usize>(grants: [RepositoryGrant; N]) -> String {
        let env = [("ANTHROPIC_BASE_URL", "http://localhost"), ("CI", "secret-of-the-caller")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        options(&BTreeSet::from(grants), &BTreeMap::from(env)).join(" ")
    }

    #[test]
    fn nothing_is_heeded_unless_it_is_granted() {
        let closed = r#"{"crossSessionInbound":"refuse","useAutoModeDuringPlan":false}"#;
        assert_eq!(options_of([]), format!("--setting-sources= --strict-mcp-config --settings={closed}"));
        assert_eq!(variables(&BTreeSet::new()), None);
    }

    #[test]
    fn a_grant_opens_no_other() {
        for (grant, closed) in [
            (ClaudeMd, ["--setting-sources= ", "--strict-mcp-config"]),
            (Skills, ["--setting-sources= ", "--strict-mcp-config"]),
            (McpServers, ["--setting-sources= ", "--plugin-dir=/usr/local/lib/innkeeper/repository-mcp"]),
            (Settings, ["--setting-sources=project ", "--strict-mcp-config"]),
        ] {
            let options = options_of([grant]);
            assert!(closed.iter().all(|option| options.contains(option)), "{grant:?}: {options}");
        }
        assert!(!options_of([Settings, McpServers]).contains("mcp"), "they would be there twice");
        assert!(options_of([Skills]).contains(r#""disableAllHooks":true"#));
        assert_eq!(variables(&BTreeSet::from([Settings])), Some((READ_NO_CLAUDE_MD, "1")));
    }

    #[test]
    fn settings_of_the_repository_do_not_move_the_route_and_callers_values_are_no_arguments() {
        let options = options_of([Settings]);
        assert!(options.contains(r#""env":{"ANTHROPIC_BASE_URL":"http://localhost"}}"#), "{options}");
        assert!(options.contains(r#"--settings={"crossSessionInbound":"refuse","#), "{options}");
        assert!(!options.contains("secret-of-the-caller"), "{options}");
    }
}
