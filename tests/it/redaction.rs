//! What no log may hold, looked for in the log of every server of every test, when the test is over.
//!
//! Servers of tests log at `debug`. What is a secret by its look (keys, tokens) is found without being told; what is one by
//! where it came from (prompts, variables, system prompts) is read off what tenants sent and what the model was asked.

use std::sync::{Mutex, PoisonError};

use innkeeper::cli::stand_in::Received;
use serde_json::Value;

use crate::harness::MODEL_KEY;

/// What tenants of this process's tests have said to their servers, all of them: a log may hold nobody's.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Shorter texts are words of everybody, and longer ones are not looked for whole: a log could cut them.
const SHORTEST: usize = 8;
const LONGEST: usize = 48;

/// Notes what a tenant sends to begin a turn.
pub(crate) fn note(body: &Value) {
    let texts = [&body["prompt"], &body["system_prompt"]].into_iter().filter_map(Value::as_str);
    let variables = body["env"].as_object().into_iter().flat_map(|env| env.values()).filter_map(Value::as_str);
    let mut said = said();
    for text in texts.chain(variables) {
        remember(&mut said, text);
    }
}

/// Checks a log of a server whose model was asked for `received`.
pub(crate) fn check(log: &str, received: &[Received]) {
    let mut secrets = said();
    for request in received {
        for text in prompts(&request.json()) {
            remember(&mut secrets, &text);
        }
    }
    let found: Vec<_> = log.lines().filter_map(|line| Some((secret_in(line, &secrets)?, line))).collect();
    assert!(found.is_empty(), "secrets in a log: {found:#?}");
}

/// What of a line is a secret.
fn secret_in<'a>(line: &str, secrets: &'a [String]) -> Option<&'a str> {
    // The shapes of keys, of credentials in headers, and of signed tokens.
    let shapes = [MODEL_KEY, "ink_live_", "ink_admin_", "Bearer ", "Basic ", "eyJ", "INNKEEPER_SHIM_TOKEN"];
    let by_shape = shapes.into_iter().find(|shape| line.contains(shape));
    let by_origin = || secrets.iter().find(|secret| line.contains(secret.as_str())).map(String::as_str);
    by_shape.or_else(by_origin).or_else(|| token_in(line).then_some("a sandbox's token"))
}

/// Whether a line has what a sandbox's token looks like: 64 digits, which are not a sandbox's id.
fn token_in(line: &str) -> bool {
    // Docker calls it a container, in its own words.
    let line = line.replace("sandbox `", "sandbox=").replace("ontainer ", "sandbox=").replace("ontainer: ", "sandbox=");
    let words = line.split(|letter: char| !letter.is_ascii_alphanumeric() && !"=:\"".contains(letter));
    words.filter(|word| !word.contains("sandbox") && !word.contains("sha256")).any(|word| {
        let value = word.trim_end_matches('"').rsplit(['=', ':', '"']).next().unwrap_or_default();
        value.len() == 64 && value.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The prompts in a call of the model; what the agent adds by itself begins with a tag.
fn prompts(call: &Value) -> Vec<String> {
    let messages = call["messages"].as_array().into_iter().flatten().filter(|message| message["role"] == "user");
    let texts = messages.flat_map(|message| match &message["content"] {
        Value::String(text) => vec![text.clone()],
        content => content
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|block| block["text"].as_str())
            .map(str::to_owned)
            .collect(),
    });
    texts.filter(|text| !text.trim_start().starts_with('<')).collect()
}

/// Keeps the beginning of a text, as it is and as a log would quote it.
fn remember(said: &mut Vec<String>, text: &str) {
    let start: String = text.trim().chars().take(LONGEST).collect();
    if start.len() < SHORTEST {
        return;
    }
    let quoted = format!("{start:?}");
    for form in [start, quoted[1..quoted.len() - 1].to_owned()] {
        if !said.contains(&form) {
            said.push(form);
        }
    }
}

fn said() -> std::sync::MutexGuard<'static, Vec<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn what_is_looked_for_is_found() {
    let secrets = ["a prompt of a tenant".to_owned()];
    for line in [
        "a call failed key=sk-ant-the-real-key-4711",
        "refused key=\"ink_live_0123456789abcdef_secret\"",
        "authorization: Bearer abc",
        "token=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "a turn begins prompt=\"a prompt of a tenant\"",
    ] {
        assert!(secret_in(line, &secrets).is_some(), "{line}");
    }
    let id = "0123456789abcdef".repeat(4);
    let named = [
        format!("a sandbox ended sandbox={id} code=0"),
        format!("there is no sandbox `{id}` of this spawner"),
        format!("Could not kill running container {id}, cannot remove - Container {id} is not running"),
        format!("Docker responded with status code 404: No such container: {id}"),
    ];
    for line in named.into_iter().chain(["a turn ended reason=answered".to_owned()]) {
        assert_eq!(secret_in(&line, &secrets), None, "{line}");
    }
}
