//! Answers to prompts without a script: small ones that show that the machinery works, each marked as scripted.

use serde_json::json;

use super::request::{MessagesRequest, Turn};
use super::script::{Script, Step, ToolCall};

/// What every answer that no model gave begins with.
pub(super) const MARK: &str = "[scripted answer]";

/// How much of a prompt is quoted.
const QUOTED_CHARS: usize = 80;

/// How long each number of a count takes: 20 a second.
const COUNT_DELAY_MS: u64 = 50;

/// Where the agent works, when it does not say.
const USUAL_DIRECTORY: &str = "/workspace";

/// The file that is made when the prompt names none.
const USUAL_FILE: &str = "hello.py";

/// Words with which people ask for a count. The clients of the API this one grew out of speak English and Japanese.
const COUNTING: [&str; 3] = ["count", "カウント", "数え"];

/// Words with which people ask what was said before.
const RECALLING: [&str; 8] =
    ["remember", "previous", "earlier", "before", "what did i", "what was", "my name", "何だっけ"];

/// Words with which people ask for something to be made, and words for what is made.
const MAKING: [&str; 4] = ["create", "write", "make", "build"];
const THINGS: [&str; 4] = ["file", "program", "script", "app"];

/// The script that answers `turn`.
pub(super) fn script(turn: &Turn<'_>, request: &MessagesRequest) -> Script {
    let asked = turn.prompt.to_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| asked.contains(word));
    if let Some(count) = counting(&asked) {
        return Script {
            text: Some(format!("{MARK} ")),
            count: Some(count),
            chunk_delay_ms: COUNT_DELAY_MS,
            ..Script::default()
        };
    }
    if mentions(&RECALLING) {
        return saying(&recall(turn));
    }
    let makes_something = mentions(&MAKING) && (mentions(&THINGS) || file_named(turn.prompt).is_some());
    if makes_something && request.offers("Write") && request.offers("Bash") {
        return making(turn, request);
    }
    saying(&format!("No model was asked: innkeeper's built-in stand-in answers \"{}\".", quote(turn.prompt)))
}

/// The first characters of what was said.
pub(super) fn quote(said: &str) -> String {
    let mut chars = said.trim().chars();
    let quoted: String = chars.by_ref().take(QUOTED_CHARS).collect();
    if chars.next().is_some() { quoted + "…" } else { quoted }
}

fn saying(answer: &str) -> Script {
    let text = Some(format!("{MARK} {answer}"));
    Script { text, ..Script::default() }
}

/// The first two numbers of a prompt that asks for a count.
fn counting(asked: &str) -> Option<(u64, u64)> {
    let is_count = COUNTING.iter().any(|word| asked.contains(word));
    let mut numbers =
        asked.split(|character: char| !character.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
    let (from, to) = (numbers.next()?, numbers.next()?);
    (is_count && from <= to).then_some((from, to))
}

fn recall(turn: &Turn<'_>) -> String {
    if turn.earlier.is_empty() {
        return format!("Nothing was said before \"{}\".", quote(turn.prompt));
    }
    let quotes: Vec<String> = turn.earlier.iter().map(|said| format!("- \"{}\"", quote(said))).collect();
    format!("Before this, you said:\n{}", quotes.join("\n"))
}

/// Writes a file, runs it and reads it back.
fn making(turn: &Turn<'_>, request: &MessagesRequest) -> Script {
    let file = file_named(turn.prompt).unwrap_or(USUAL_FILE);
    let directory = request.working_directory().unwrap_or(USUAL_DIRECTORY);
    let path = format!("{}/{file}", directory.trim_end_matches('/'));
    let (content, command) = program(file);
    let mut calls = vec![
        ToolCall::new("Write", json!({"file_path": path, "content": content})),
        ToolCall::new("Bash", json!({"command": command, "description": format!("Run {file}")})),
    ];
    if request.offers("Read") {
        calls.push(ToolCall::new("Read", json!({"file_path": path})));
    }
    let output = turn.tool_results.get(1).map_or("nothing", |output| output.trim());
    let answer = format!("I wrote {path}, ran it and read it back. Running it said: {}", quote(output));
    let tools = calls.into_iter().map(Step::One).collect();
    Script { tools, ..saying(&answer) }
}

/// The first word that looks like the name of a file, and that a shell takes as it is.
fn file_named(prompt: &str) -> Option<&str> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    prompt.split(|character| !is_plain(character)).map(|word| word.trim_end_matches('.')).find(|word| {
        let (stem, extension) = word.rsplit_once('.').unwrap_or_default();
        stem.starts_with(|first: char| first.is_ascii_alphabetic())
            && (1..=4).contains(&extension.len())
            && extension.starts_with(|first: char| first.is_ascii_alphabetic())
    })
}

/// What `file` contains, and the command that runs or shows it.
fn program(file: &str) -> (&'static str, String) {
    let run_with =
        |program: &str| format!("if command -v {program} >/dev/null; then {program} {file}; else cat {file}; fi");
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("py") => ("print(\"Hello from a scripted answer.\")\n", run_with("python3")),
        Some("js" | "mjs") => ("console.log(\"Hello from a scripted answer.\");\n", run_with("node")),
        Some("sh") => ("echo \"Hello from a scripted answer.\"\n", run_with("sh")),
        _ => ("Hello from a scripted answer.\n", format!("cat {file}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_understood() {
        assert_eq!(counting("please count from 1 to 1000"), Some((1, 1000)));
        assert_eq!(counting("count from 5 to 7, slowly."), Some((5, 7)));
        assert_eq!(counting("1から1000までカウントしてください"), Some((1, 1000)));
        for not_a_count in ["count from 9 to 1", "count from one to two", "count from 1", "count to 10"] {
            assert_eq!(counting(not_a_count), None, "{not_a_count}");
        }
    }

    #[test]
    fn file_names_are_found_and_harmless() {
        assert_eq!(file_named("Create notes.txt."), Some("notes.txt"));
        assert_eq!(file_named("write `src/main.rs` please"), Some("main.rs"));
        assert_eq!(file_named("write $(reboot).sh; version 1.2"), None);
        assert_eq!(file_named("make -rf.sh or ../etc"), None);
        assert_eq!(file_named("Make a program."), None);
    }

    #[test]
    fn quotes_are_short() {
        assert_eq!(quote("  hello "), "hello");
        assert_eq!(quote(&"ä".repeat(90)), format!("{}…", "ä".repeat(80)));
    }
}
