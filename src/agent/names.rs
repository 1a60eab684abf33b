//! The names of variables that a caller may not set, and why.
//!
//! They are those that the agent, its loader or its shell reads to know who it is or how it reaches its model. All others are for
//! the agent's tools, which inherit them: `NODE_ENV`, `ENV`, `AWS_REGION`, `DISABLE_SPRING`.

use std::collections::BTreeMap;
use std::fmt;

/// A name that a caller may not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedName {
    /// The name.
    pub name: String,
    /// What it decides.
    pub why: &'static str,
}

const NO_NAME: &str = "a name is not empty and has no `=` and no NUL";
const AGENT: &str = "it decides how the agent works";
const IDENTITY: &str = "it decides who the agent is and where it keeps its files";
const LOADED: &str = "it decides what code the agent and its tools load";
const MODEL: &str = "it decides how the agent reaches its model";

/// Names, and what they decide. What the pinned version reads of common beginnings (`AWS_`, `DISABLE_`, `NODE_`) is listed one by
/// one; `tests/it/execution.rs` compares the list with the program.
const NAMES: &[(&str, &[&str])] = &[
    (
        AGENT,
        &[
            "API_TIMEOUT_MS",
            "DISABLE_AUTOUPDATER",
            "DISABLE_AUTO_COMPACT",
            "DISABLE_BRIEF_MODE_STOP_HOOK",
            "DISABLE_BUG_COMMAND",
            "DISABLE_COMPACT",
            "DISABLE_COST_WARNINGS",
            "DISABLE_DOCTOR_COMMAND",
            "DISABLE_ERROR_REPORTING",
            "DISABLE_EXTRA_USAGE_COMMAND",
            "DISABLE_FEEDBACK_COMMAND",
            "DISABLE_GROWTHBOOK",
            "DISABLE_INSTALLATION_CHECKS",
            "DISABLE_INSTALL_GITHUB_APP_COMMAND",
            "DISABLE_INTERLEAVED_THINKING",
            "DISABLE_LOGIN_COMMAND",
            "DISABLE_LOGOUT_COMMAND",
            "DISABLE_TELEMETRY",
            "DISABLE_UPDATES",
            "DISABLE_UPGRADE_COMMAND",
            "IS_SANDBOX",
            "NODE_UNIQUE_ID",
            "TRACEPARENT",
        ],
    ),
    (IDENTITY, &["HOME", "LOGNAME", "SHELL", "TMPDIR", "USER"]),
    (LOADED, &["BASH_ENV", "GLIBC_TUNABLES", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "PATH"]),
    (
        MODEL,
        &[
            "ALL_PROXY",
            "AWS_BEARER_TOKEN_BEDROCK",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "NODE_EXTRA_CA_CERTS",
            "NODE_TLS_REJECT_UNAUTHORIZED",
            "NODE_USE_ENV_PROXY",
            "NODE_USE_SYSTEM_CA",
            "NO_PROXY",
            "SSL_CERT_DIR",
            "SSL_CERT_FILE",
        ],
    ),
];

/// Beginnings of names, and what they decide.
const BEGINNINGS: &[(&str, &str)] = &[
    ("ANTHROPIC_", MODEL),
    ("BUN_", LOADED),
    ("CLAUDE", AGENT),
    ("DISABLE_PROMPT_CACHING", AGENT),
    ("INNKEEPER_", AGENT),
    ("LD_", LOADED),
    ("NODE_CHANNEL_", AGENT),
    ("OTEL_", AGENT),
    ("VERTEX_", MODEL),
    ("XDG_", IDENTITY),
];

/// The names in `env` that a caller may not set, and those that are no names at all, in order.
pub fn refused_env(env: &BTreeMap<String, String>) -> Vec<RefusedName> {
    env.keys().filter_map(|name| Some(RefusedName { name: name.clone(), why: refusal(name)? })).collect()
}

/// Whether a caller may not set a name.
pub(super) fn is_refused(name: &str) -> bool {
    refusal(name).is_some()
}

/// What a name decides that is not the caller's to decide. Upper and lower case are alike, because programs read `http_proxy` as
/// well as `HTTP_PROXY`.
fn refusal(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Some(NO_NAME);
    }
    let upper = name.to_ascii_uppercase();
    let named = NAMES.iter().find(|(_, names)| names.contains(&upper.as_str())).map(|(why, _)| *why);
    named.or_else(|| BEGINNINGS.iter().find(|(beginning, _)| upper.starts_with(beginning)).map(|(_, why)| *why))
}

impl fmt::Display for RefusedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::doors;

    fn refused(names: &[&str]) -> Vec<String> {
        let env = names.iter().map(|&name| (name.to_owned(), "x".to_owned())).collect();
        refused_env(&env).into_iter().map(|refused| refused.name).collect()
    }

    #[test]
    fn what_would_change_the_route_or_the_security_is_refused_by_name() {
        let asked = ["ANTHROPIC_BASE_URL", "LD_PRELOAD", "IS_SANDBOX", "https_proxy", "CI", "MY_TOKEN", "A=B"];
        assert_eq!(refused(&asked), ["A=B", "ANTHROPIC_BASE_URL", "IS_SANDBOX", "LD_PRELOAD", "https_proxy"]);
    }

    #[test]
    fn variables_of_tools_are_not_refused() {
        let tools =
            ["AWS_ACCESS_KEY_ID", "AWS_REGION", "DISABLE_SPRING", "ENV", "NODE_AUTH_TOKEN", "NODE_ENV", "TMP", "TZ"];
        assert_eq!(refused(&tools), Vec::<String>::new());
    }

    #[test]
    fn a_refusal_says_what_the_name_decides() {
        let env = BTreeMap::from([("https_proxy".to_owned(), String::new())]);
        assert_eq!(refused_env(&env)[0].to_string(), "https_proxy (it decides how the agent reaches its model)");
    }

    #[test]
    fn a_caller_opens_no_door_into_the_conversation() {
        let asked = doors::VARIABLES.map(|(name, _)| name);
        assert_eq!(refused(&asked), asked);
    }
}
