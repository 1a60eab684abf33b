//! What is said to the agent: lines for its standard input.

use serde_json::json;

/// Asks the agent to make itself ready. Its answer is the sign that it listens; the system prompt travels here, where
/// no length of a command line limits it.
pub fn initialize(request: &str, system_prompt: Option<&str>) -> String {
    let mut body = json!({ "subtype": "initialize", "hooks": null });
    if let Some(text) = system_prompt {
        body["systemPrompt"] = json!([text]);
    }
    json!({ "type": "control_request", "request_id": request, "request": body }).to_string()
}

/// A prompt. It is always text for the model: what begins with a slash would be a command to the agent itself (`/clear`
/// gives the conversation another name), so such a text is given an empty first line.
pub fn prompt(text: &str) -> String {
    let plain = if text.starts_with('/') { format!("\n{text}") } else { text.to_owned() };
    json!({ "type": "user", "message": { "role": "user", "content": plain } }).to_string()
}

/// Asks the agent to stop what it is doing and report.
pub fn interrupt(request: &str) -> String {
    json!({ "type": "control_request", "request_id": request, "request": { "subtype": "interrupt" } }).to_string()
}
