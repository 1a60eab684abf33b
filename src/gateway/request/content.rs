//! What is said in a request: the messages, the system prompt, and the blocks they are made of.

use serde_json::value::RawValue;

use super::object::{Object, Path, each, is_text};
use super::source::{self, Holder};
use super::tally::Tally;
use super::tools;
use crate::gateway::reply::Refusal;

/// How deep blocks may hold blocks: a tool's result holds a document, which holds text.
const MAX_NESTED_BLOCKS: usize = 5;

/// What the provider stores or runs by itself, which has no bound or no price here.
const REFUSED_BLOCKS: [(&str, &str); 4] = [
    ("container_upload", "names a file that is stored with the provider"),
    ("mcp_tool_use", "belongs to a server the provider calls"),
    ("mcp_tool_result", "belongs to a server the provider calls"),
    ("fallback", "belongs to a model the provider falls back to"),
];

/// Reads `messages`.
pub(super) fn messages(raw: &RawValue, path: &Path<'_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    each(raw, path, |raw, path| {
        let message = Object::open(raw, path)?;
        message.only(&["role", "content", "output_config", "clear_at"])?;
        let role = message.text("role")?;
        if !matches!(role.as_deref(), None | Some("user" | "assistant" | "system")) {
            return Err(path.key("role").refuse("must be `user`, `assistant` or `system`"));
        }
        tally.free_at(&message, &["output_config", "clear_at"])?;
        match message.get("content") {
            Some(raw) => blocks(raw, &path.key("content"), tally, 0),
            None => Ok(()),
        }
    })
}

/// Reads a list of blocks, or the text that stands for one.
pub(super) fn blocks(raw: &RawValue, path: &Path<'_>, tally: &mut Tally<'_>, depth: usize) -> Result<(), Refusal> {
    if is_text(raw) {
        return Ok(());
    }
    if depth > MAX_NESTED_BLOCKS {
        return Err(path.refuse(format_args!("is nested deeper than {MAX_NESTED_BLOCKS} blocks")));
    }
    each(raw, path, |raw, path| block(&Object::open(raw, path)?, tally, depth))
}

fn block(block: &Object<'_, '_>, tally: &mut Tally<'_>, depth: usize) -> Result<(), Refusal> {
    let path = block.path();
    tally.cache_control(block)?;
    let kind = block.kind("type")?;
    match kind.as_ref() {
        "text" => {
            block.only(&["type", "text", "citations", "cache_control"])?;
            tally.free_at(block, &["citations"])
        }
        "thinking" => block.only(&["type", "thinking", "signature", "cache_control"]),
        "redacted_thinking" => block.only(&["type", "data", "cache_control"]),
        "compaction" => block.only(&["type", "content", "cache_control"]),
        "image" => {
            block.only(&["type", "source", "cache_control"])?;
            source::read(block, Holder::Image, tally, depth)
        }
        "document" => {
            block.only(&["type", "source", "title", "context", "citations", "cache_control"])?;
            citations(block, tally)?;
            source::read(block, Holder::Document, tally, depth)
        }
        "search_result" => {
            block.only(&["type", "source", "title", "content", "citations", "cache_control"])?;
            citations(block, tally)?;
            if block.get("source").is_some_and(|source| !is_text(source)) {
                return Err(path.key("source").refuse("must be a text"));
            }
            nested(block, tally, depth)
        }
        "tool_use" | "server_tool_use" => {
            block.only(&["type", "id", "name", "input", "caller", "cache_control"])?;
            tally.free_at(block, &["input", "caller"])
        }
        "tool_result" => {
            block.only(&["type", "tool_use_id", "content", "is_error", "cache_control"])?;
            nested(block, tally, depth)
        }
        "web_search_tool_result" => {
            block.only(&["type", "tool_use_id", "content", "caller", "cache_control"])?;
            // What was found is encrypted, so that only the provider knows how long it is.
            tally.is_unbounded = true;
            tally.free_at(block, &["content", "caller"])
        }
        "tool_reference" => {
            block.only(&["type", "tool_name", "name", "cache_control"])?;
            tally.tool_mentions += 1;
            Ok(())
        }
        "tool_addition" | "tool_removal" => {
            block.only(&["type", "tool", "cache_control"])?;
            match block.get("tool") {
                Some(raw) => tool_change(&Object::open(raw, &path.key("tool"))?, tally),
                None => Ok(()),
            }
        }
        other => Err(match REFUSED_BLOCKS.iter().find(|(kind, _)| *kind == other) {
            Some((kind, why)) => path.refuse(format_args!("is a `{kind}`, which {why}: remove it")),
            None => path.key("type").refuse("is not on the list of blocks a call may carry: remove the block"),
        }),
    }
}

/// The blocks within a block.
fn nested(block: &Object<'_, '_>, tally: &mut Tally<'_>, depth: usize) -> Result<(), Refusal> {
    match block.get("content") {
        Some(raw) => blocks(raw, &block.path().key("content"), tally, depth + 1),
        None => Ok(()),
    }
}

/// With citations the provider cuts a text into pieces and marks each, so that it is longer than its bytes.
fn citations(block: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let Some(raw) = block.get("citations") else { return Ok(()) };
    let path = block.path().key("citations");
    let citations = Object::open(raw, &path)?;
    citations.only(&["enabled"])?;
    tally.is_unbounded |= citations.get("enabled").is_some_and(|enabled| enabled.get() != "false");
    Ok(())
}

/// A tool that is added to or taken from the conversation.
fn tool_change(change: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    match change.kind("type")?.as_ref() {
        "tool_reference" => {
            change.only(&["type", "name"])?;
            tally.tool_mentions += 1;
            Ok(())
        }
        "tool_definition" => {
            change.only(&["type", "definition"])?;
            match change.get("definition") {
                Some(raw) => tools::tool(raw, &change.path().key("definition"), tally),
                None => Ok(()),
            }
        }
        _ => Err(change.path().key("type").refuse("must be `tool_reference` or `tool_definition`")),
    }
}
