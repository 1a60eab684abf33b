//! The calls that the agent makes on its own account: titles, names, summaries. They must not disturb a script, even
//! though they often quote the prompt that holds it.

use serde_json::{Map, Value, json};

use super::natural::{MARK, quote};
use super::request::{MessagesRequest, Turn};
use super::script::{Counts, Script};

/// What the agent asks when it wants to go on with a summary instead of the conversation.
const ASKS_FOR_SUMMARY: &str = "Your task is to create a detailed summary of";

/// What system prompts say that ask for a name or a topic.
const ASKS_FOR_TITLE: [&str; 4] = ["naming a coding session", "kebab-case name", "conversation topic", "issue title"];

/// What is answered where a few words are wanted.
const TITLE: &str = "Scripted answer";

/// The script that answers `request`, when the agent asks it for itself.
pub(super) fn script(turn: &Turn<'_>, request: &MessagesRequest) -> Option<Script> {
    let text = if turn.prompt.contains(ASKS_FOR_SUMMARY) {
        summary(turn)
    } else if request.offers_tools() {
        return None;
    } else if let Some(schema) = request.output_schema() {
        example(schema).to_string()
    } else if ASKS_FOR_TITLE.iter().any(|words| request.is_told(words)) {
        TITLE.to_owned()
    } else {
        return None;
    };
    Some(Script { text: Some(text), usage: Some(small_usage()), ..Script::default() })
}

/// A summary that names every prompt, without the scripts in them: it becomes part of a prompt.
fn summary(turn: &Turn<'_>) -> String {
    let quotes: Vec<String> =
        turn.earlier.iter().map(|said| format!("- \"{}\"", quote(&said.replace('@', "(at)")))).collect();
    let said = quotes.join("\n");
    format!("<analysis>\n{MARK}\n</analysis>\n\n<summary>\n{MARK} All user messages:\n{said}\n</summary>")
}

/// The smallest value that fits `schema`.
fn example(schema: &Value) -> Value {
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => json!(TITLE),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            Value::Object(properties.map(|(name, schema)| (name.clone(), example(schema))).collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

fn small_usage() -> Counts {
    let counts = [("input_tokens", 20), ("output_tokens", 5)];
    counts.map(|(name, count)| (name.to_owned(), json!(count))).into_iter().collect()
}
