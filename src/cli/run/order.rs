//! What is asked for at the command line: the options of a request, and the prompt itself.

use std::io::{IsTerminal, Read};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

/// A prompt, and what else `POST /execute/` takes
#[derive(Debug, Args)]
pub(super) struct OrderArgs {
    /// What the agent is to do; left out or `-`, it is read from the standard input
    prompt: Option<String>,
    /// Go on with this session instead of starting one
    #[arg(long, value_name = "SESSION")]
    pub(super) resume: Option<String>,
    /// The directory to work in; without this, the tenant's first root
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// The model
    #[arg(long)]
    model: Option<String>,
    /// What the agent may do unasked: default, acceptEdits, plan or bypassPermissions
    #[arg(long, value_name = "MODE")]
    permission_mode: Option<String>,
    /// Takes the place of the agent's own system prompt
    #[arg(long, value_name = "TEXT")]
    system_prompt: Option<String>,
    /// How many rounds of model and tools the turn may take
    #[arg(long, value_name = "N")]
    max_turns: Option<u32>,
    /// A tool the agent may use unasked, such as `Bash(npm test)`; may be repeated
    #[arg(long = "allowed-tool", value_name = "TOOL")]
    allowed_tools: Vec<String>,
    /// A tool the agent may not use; may be repeated
    #[arg(long = "disallowed-tool", value_name = "TOOL")]
    disallowed_tools: Vec<String>,
    /// A variable for the agent; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The image of the sandbox
    #[arg(long)]
    image: Option<String>,
    /// A limit of the session as NAME=VALUE, such as `max_cost_usd=2.50`; may be repeated. There are `max_cost_usd`, `max_turns`,
    /// `turn_timeout_ms`, `total_timeout_ms`, `memory_bytes`, `cpus`, `pids`, `workspace_bytes`, `output_bytes`
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// A host the sandbox may reach, of those the tenant is granted; may be repeated. Left out: all of them
    #[arg(long = "egress-host", value_name = "HOST:PORT")]
    egress_hosts: Vec<String>,
    /// The sandbox may reach no host
    #[arg(long, conflicts_with = "egress_hosts")]
    no_egress: bool,
}

/// What is asked for, as `POST /execute/` takes it.
#[derive(Debug, Serialize)]
pub(super) struct Order {
    pub(super) prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resume_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_turns: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disallowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    env: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    limits: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    egress_hosts: Option<Vec<String>>,
}

impl OrderArgs {
    /// Makes an order of it, and reads the prompt where it is not an argument.
    ///
    /// # Errors
    /// When the prompt cannot be read, or a variable or limit is none.
    pub(super) fn order(self) -> Result<Order, String> {
        let has_hosts = self.no_egress || !self.egress_hosts.is_empty();
        Ok(Order {
            prompt: match self.prompt.filter(|prompt| prompt != "-") {
                Some(prompt) => prompt,
                None => read_prompt()?,
            },
            resume_session_id: self.resume,
            cwd: self.cwd,
            model: self.model,
            permission_mode: self.permission_mode,
            system_prompt: self.system_prompt,
            max_turns: self.max_turns,
            allowed_tools: self.allowed_tools,
            disallowed_tools: self.disallowed_tools,
            env: self.env.iter().map(|text| variable(text)).collect::<Result<_, _>>()?,
            image: self.image,
            limits: self.limits.iter().map(|text| limit(text)).collect::<Result<_, _>>()?,
            egress_hosts: has_hosts.then_some(self.egress_hosts),
        })
    }
}

impl Order {
    /// What to know of the mode asked for: nobody is there to be asked.
    pub(super) fn mode_note(&self) -> Option<String> {
        const HOW: &str = "--allowed-tool allows one, --permission-mode bypassPermissions all that the tenant may use";
        match self.permission_mode.as_deref() {
            Some("bypassPermissions" | "plan") => None,
            Some(mode) => {
                Some(format!("Nobody is asked here: in mode `{mode}`, tools that need an approval are refused. {HOW}."))
            }
            None => Some(format!(
                "Nobody is asked here: unless the server's own mode allows them, tools that need an approval are refused. {HOW}."
            )),
        }
    }
}

fn read_prompt() -> Result<String, String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        return Err("give a prompt, or send one to the standard input".to_owned());
    }
    let mut prompt = String::new();
    input.read_to_string(&mut prompt).map_err(|error| format!("the prompt cannot be read: {error}"))?;
    Ok(prompt)
}

fn variable(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("the variable `{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.into()))
}

fn limit(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    // Amounts of money are texts.
    let value = match name {
        "max_cost_usd" => value.into(),
        _ => serde_json::from_str(value).map_err(|error| format!("the value of `{name}` is no number: {error}"))?,
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        order: OrderArgs,
    }

    fn order(arguments: &[&str]) -> Result<Order, String> {
        Command::try_parse_from(["run"].iter().chain(arguments)).unwrap().order.order()
    }

    #[test]
    fn every_field_of_a_request_has_an_option() {
        let all = [
            "Hi",
            "--resume",
            "s",
            "--cwd",
            "d",
            "--model",
            "m",
            "--permission-mode",
            "plan",
            "--system-prompt",
            "p",
            "--max-turns",
            "3",
            "--allowed-tool",
            "Bash(a,b)",
            "--allowed-tool",
            "Read",
            "--disallowed-tool",
            "Write",
            "--env",
            "A=b=c",
            "--image",
            "i",
            "--limit",
            "max_cost_usd=2.50",
            "--limit",
            "pids=64",
            "--egress-host",
            "a:443",
        ];
        let expected = json!({
            "prompt": "Hi", "resume_session_id": "s", "cwd": "d", "model": "m", "permission_mode": "plan",
            "system_prompt": "p", "max_turns": 3, "allowed_tools": ["Bash(a,b)", "Read"], "disallowed_tools": ["Write"],
            "env": {"A": "b=c"}, "image": "i", "limits": {"max_cost_usd": "2.50", "pids": 64}, "egress_hosts": ["a:443"],
        });
        assert_eq!(serde_json::to_value(order(&all).unwrap()).unwrap(), expected);
        assert_eq!(serde_json::to_value(order(&["Hi"]).unwrap()).unwrap(), json!({"prompt": "Hi"}));
        assert_eq!(serde_json::to_value(order(&["Hi", "--no-egress"]).unwrap()).unwrap()["egress_hosts"], json!([]));
        for wrong in [["Hi", "--limit", "pids"], ["Hi", "--limit", "pids=x"], ["Hi", "--env", "NOT_THERE_4711"]] {
            assert!(order(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_mode_that_asks_is_noted_and_one_that_does_not_is_not() {
        let note = |arguments: &[&str]| order(arguments).unwrap().mode_note();
        assert!(note(&["Hi", "--permission-mode", "acceptEdits"]).unwrap().contains("`acceptEdits`"));
        assert!(note(&["Hi"]).unwrap().contains("bypassPermissions"));
        assert_eq!(note(&["Hi", "--permission-mode", "bypassPermissions"]), None);
    }
}
