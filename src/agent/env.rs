//! The agent's environment: what the installation sets, and what a caller adds.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::AgentConfig;
use crate::domain::RepositoryGrant;

use super::planning::EXIT_PLAN_MODE;
use super::{HOME, doors, repository};

/// What is reached inside the sandbox itself.
const NO_PROXY: &str = "localhost,127.0.0.1,::1";

/// The agent's whole environment. `model_socket` is where the sandbox reaches the model; the key in it opens nothing,
/// because the gateway knows the sandbox by its socket and puts the real key in. `proxy` is where its tools find the way
/// to hosts they may reach, if they may reach any; the agent's own way to the model does not go there. `grants` is what of
/// the repository's own configuration is heeded.
pub fn agent_env(
    asked: &BTreeMap<String, String>,
    model_socket: &str,
    proxy: Option<&str>,
    config: &AgentConfig,
    grants: &BTreeSet<RepositoryGrant>,
) -> BTreeMap<String, String> {
    let mut env = asked.clone();
    let max_output_tokens = config.max_output_tokens.to_string();
    let max_retries = config.max_retries.to_string();
    let ours = [
        ("ANTHROPIC_API_KEY", "the-gateway-holds-the-key"),
        ("ANTHROPIC_BASE_URL", "http://localhost"),
        ("ANTHROPIC_UNIX_SOCKET", model_socket),
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
        ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", &max_output_tokens),
        ("CLAUDE_CODE_MAX_RETRIES", &max_retries),
        ("CLAUDE_CODE_SHELL_PREFIX", "/usr/local/lib/innkeeper/tool"),
        // Otherwise the model has to search for the tool that plan mode tells it to end with.
        ("CLAUDE_CODE_UPFRONT_TOOLS", EXIT_PLAN_MODE),
        ("DISABLE_AUTOUPDATER", "1"),
        ("HOME", HOME),
        ("LANG", "C.UTF-8"),
        ("LOGNAME", "agent"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("SHELL", "/bin/bash"),
        ("TMPDIR", "/tmp"),
        ("USER", "agent"),
    ];
    // Some programs read only the upper case, others only the lower.
    let proxied = proxy.map(|proxy| {
        [
            ("HTTP_PROXY", proxy),
            ("HTTPS_PROXY", proxy),
            ("NO_PROXY", NO_PROXY),
            ("http_proxy", proxy),
            ("https_proxy", proxy),
            ("no_proxy", NO_PROXY),
        ]
    });
    let proxied = proxied.into_iter().flatten();
    let ours = ours.into_iter().chain(doors::VARIABLES);
    for (name, value) in ours.chain(repository::variables(grants)).chain(proxied) {
        env.insert(name.to_owned(), value.to_owned());
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|&name| (name.to_owned(), "x".to_owned())).collect()
    }

    #[test]
    fn what_the_installation_sets_wins() {
        let config = AgentConfig {
            default_model: String::new(),
            default_permission_mode: crate::domain::PermissionMode::Default,
            max_output_tokens: 1,
            max_retries: 1,
        };
        let env = agent_env(&env(&["LANG", "CI"]), "/run/innkeeper/model.sock", None, &config, &BTreeSet::new());
        assert_eq!(env["LANG"], "C.UTF-8");
        assert_eq!(env["CI"], "x");
        assert_eq!(env["CLAUDE_CODE_HARBOR_KITE"], "0");
        assert_eq!(env["ANTHROPIC_UNIX_SOCKET"], "/run/innkeeper/model.sock");
        assert!(!env.keys().any(|name| name.to_ascii_lowercase().contains("proxy")), "{env:?}");
        let env =
            agent_env(&env, "/run/innkeeper/model.sock", Some("http://127.0.0.1:3128"), &config, &BTreeSet::new());
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            assert_eq!(env[name], "http://127.0.0.1:3128");
        }
        assert_eq!((&*env["NO_PROXY"], &*env["no_proxy"]), (NO_PROXY, NO_PROXY));
    }
}
