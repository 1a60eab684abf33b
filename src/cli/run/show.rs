//! What the agent does, for people who watch: a line for each thing, its kind on the left.

use std::fmt::Write;

use anstream::println;
use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::client::Status;

/// How wide the kinds are.
const KIND_WIDTH: usize = 9;

/// How much is shown of what a tool is given, and of what it answers.
const INPUT_CHARS: usize = 100;
const OUTPUT_LINES: usize = 6;

const QUIET: Style = Style::new().dimmed();
const TOOL: Style = AnsiColor::Cyan.on_default();
const AGENT: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PLAIN: Style = Style::new().bold();

/// What a tool is given that says the most about the call.
const TELLING: [&str; 8] = ["command", "file_path", "pattern", "path", "url", "query", "description", "prompt"];

pub(super) fn prompt(session: &str, prompt: &str) {
    line("session", QUIET, session);
    block("prompt", PLAIN, prompt);
}

pub(super) fn end(status: &Status) {
    let duration = status.duration_ms.unwrap_or_default();
    let cost = status.total_cost_usd.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
    let (style, kind) = if status.state == "completed" { (AGENT, "done") } else { (BAD, status.state.as_str()) };
    line(kind, style, &format!("{}.{:01} s, ${cost}", duration / 1000, duration % 1000 / 100));
}

/// Shows the agent's messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Whether what tools are given and answer is shown whole.
    is_whole: bool,
}

impl Shown {
    pub(super) fn new(is_whole: bool) -> Self {
        Self { is_whole }
    }

    pub(super) fn message(self, message: &Value) {
        let content = &message["content"];
        match message["type"].as_str() {
            Some("AssistantMessage") => each(&content["content"], |part| self.assistant(part)),
            Some("UserMessage") => each(&content["content"], |part| self.tool_result(part)),
            _ => {}
        }
    }

    fn assistant(self, part: &Value) {
        if let Some(text) = part["text"].as_str() {
            block("agent", AGENT, text);
        } else if let Some(thought) = part["thinking"].as_str() {
            block("thinks", QUIET, thought);
        } else if let Some(tool) = part["name"].as_str() {
            match part["input"].as_object() {
                Some(input) if self.is_whole => whole_input(tool, input),
                _ => line(tool, TOOL, &first_line(&told(&part["input"]), INPUT_CHARS)),
            }
        }
    }

    fn tool_result(self, part: &Value) {
        if part.get("tool_use_id").is_none() {
            return;
        }
        let style = if part["is_error"].as_bool() == Some(true) { BAD } else { QUIET };
        let text = output(&part["content"]);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let (most, chars) = if self.is_whole { (usize::MAX, usize::MAX) } else { (OUTPUT_LINES, INPUT_CHARS) };
        for shown in lines.iter().take(most) {
            row("", style, &format!("│ {}", first_line(shown, chars)), style);
        }
        if lines.len() > most {
            row("", style, &format!("│ … {} more lines", lines.len() - most), style);
        }
    }
}

/// Everything a tool is given, by name.
fn whole_input(tool: &str, input: &serde_json::Map<String, Value>) {
    line(tool, TOOL, "");
    for (name, value) in input {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (number, text) in text.lines().enumerate() {
            let name = if number == 0 { format!("{name}: ") } else { String::new() };
            line("", TOOL, &format!("{name}{}", printable(text)));
        }
    }
}

fn each(blocks: &Value, show: impl Fn(&Value)) {
    blocks.as_array().into_iter().flatten().for_each(show);
}

/// What a tool answers: a text, or blocks of it.
fn output(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// What a tool is asked to do, in one value.
fn told(input: &Value) -> String {
    let telling = TELLING.iter().find_map(|name| input.get(*name).and_then(Value::as_str));
    telling.map_or_else(|| input.to_string(), str::to_owned)
}

fn first_line(text: &str, most: usize) -> String {
    let mut lines = text.lines();
    let mut chars = lines.next().unwrap_or_default().chars();
    let mut shown: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() || lines.next().is_some() {
        shown.push_str(" …");
    }
    printable(&shown)
}

/// A terminal obeys control characters, and what an agent says may hold any.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        if character == '\t' {
            shown.push_str("    ");
        } else if character.is_control() {
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
        shown
    })
}

/// A text of any number of lines.
fn block(kind: &str, style: Style, text: &str) {
    let mut kind = kind;
    for text in text.trim().lines() {
        line(kind, style, &printable(text));
        kind = "";
    }
}

fn line(kind: &str, style: Style, text: &str) {
    row(kind, style, text, Style::new());
}

fn row(kind: &str, style: Style, text: &str, text_style: Style) {
    println!("  {style}{kind:<KIND_WIDTH$}{style:#} {text_style}{text}{text_style:#}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_told_by_its_most_telling_value() {
        assert_eq!(told(&json!({"description": "Run it", "command": "ls"})), "ls");
        assert_eq!(told(&json!({"x": 1})), r#"{"x":1}"#);
    }

    #[test]
    fn what_an_agent_says_cannot_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\tc"), "a\\u{1b}[2Jb    c");
    }

    #[test]
    fn only_the_first_line_is_shown_and_that_there_is_more() {
        assert_eq!(first_line("one\ntwo", 10), "one …");
        assert_eq!(first_line("12345", 3), "123 …");
        assert_eq!(first_line("", 3), "");
    }
}
