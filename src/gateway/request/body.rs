//! A whole request: its top-level fields, and what they come to.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::content::{blocks, messages};
use super::object::{Object, Path, each};
use super::size::size;
use super::tally::{Cached, Fetch, Policy, Tally};
use super::tools;
use crate::gateway::price::ModelLimits;
use crate::gateway::reply::Refusal;

/// Everything a call may say. What is sent on with a count is marked.
const FIELDS: [(&str, bool); 24] = [
    ("model", true),
    ("messages", true),
    ("system", true),
    ("tools", true),
    ("tool_choice", true),
    ("thinking", true),
    ("context_management", true),
    ("output_config", true),
    ("max_tokens", false),
    ("metadata", false),
    ("stop_sequences", false),
    ("stream", false),
    ("temperature", false),
    ("top_k", false),
    ("top_p", false),
    ("output_format", false),
    ("cache_control", false),
    ("service_tier", false),
    ("speed", false),
    ("inference_geo", false),
    ("diagnostics", false),
    ("context_hint", false),
    ("mcp_servers", false),
    ("container", false),
];

/// What a request says, as far as it decides the price.
#[derive(Debug)]
pub(in crate::gateway) struct Contents {
    /// The longest answer it asks for, in tokens.
    pub(super) max_tokens: u64,
    /// Tokens of that which are for thinking.
    pub(super) thinking_tokens: u64,
    /// A bound of its input, in tokens, unless it is unbounded.
    pub(super) input_tokens: u64,
    /// Whether only the provider can bound the input.
    pub(super) is_unbounded: bool,
    /// Whether the provider can be asked to.
    pub(super) is_countable: bool,
    /// How long the prompt is to be cached.
    pub(super) cached: Cached,
    /// Searches the provider may make.
    pub(super) searches: u64,
    /// Whether the provider summarizes the conversation.
    pub(super) compacts: bool,
    /// What the provider fetches.
    pub(in crate::gateway) fetches: Vec<Fetch>,
}

/// Tokens the provider adds to a prompt by itself.
const ADDED_TOKENS: u64 = 2_000;

/// Tokens the provider adds for a tool that it describes.
const PROVIDER_TOOL_TOKENS: u64 = 10_000;

/// The edits of the context that have a price: none, or that of one more step.
const EDITS: [&str; 3] = ["clear_tool_uses_20250919", "clear_thinking_20251015", "compact_20260112"];

/// Opens the request `body`.
pub(in crate::gateway) fn open(body: &[u8]) -> Result<Object<'_, 'static>, Refusal> {
    const ROOT: &Path<'static> = &Path::ROOT;
    let raw: &RawValue = serde_json::from_slice(body).map_err(Refusal::malformed)?;
    Object::open(raw, ROOT)
}

/// Reads everything in the request but its model, whose `limits` are given. A host that is asked for and not granted is left
/// in `denied`.
pub(in crate::gateway) fn read(
    body: &Object<'_, '_>,
    policy: Policy<'_>,
    limits: ModelLimits,
    denied: &mut Option<Fetch>,
) -> Result<Contents, Refusal> {
    let mut tally = Tally::new(policy, limits);
    let read = fields(body, &mut tally);
    *denied = tally.denied.take();
    read?;
    let mut text_tokens = 1_u64;
    for (key, _) in FIELDS {
        if let Some(raw) = body.get(key) {
            // The key with its quotes and its colon, and a comma.
            text_tokens = text_tokens.saturating_add(size(raw).plain).saturating_add(key.len() as u64 + 4);
        }
    }
    let input_tokens = ADDED_TOKENS
        .saturating_add(text_tokens.saturating_sub(tally.media_bytes))
        .saturating_add(tally.extra_tokens)
        .saturating_add(tally.provider_tools.saturating_mul(PROVIDER_TOOL_TOKENS))
        .saturating_add(tally.tool_mentions.saturating_mul(tally.longest_tool));
    Ok(Contents {
        max_tokens: body.whole("max_tokens")?.unwrap_or_default(),
        thinking_tokens: thinking(body, &mut tally)?,
        input_tokens: input_tokens.min(limits.context),
        is_unbounded: tally.is_unbounded,
        is_countable: !tally.is_fetched,
        cached: tally.cached,
        searches: tally.searches,
        compacts: tally.compacts,
        fetches: tally.fetches,
    })
}

/// The parts of `body` that a count of its input is asked with, without copying them.
pub(super) fn for_count(body: &Bytes) -> Option<Vec<Bytes>> {
    let fields = open(body).ok()?;
    let mut parts = vec![Bytes::from_static(b"{")];
    for (key, _) in FIELDS.iter().filter(|(_, is_counted)| *is_counted) {
        let Some(raw) = fields.get(key) else { continue };
        let comma = if parts.len() > 1 { "," } else { "" };
        parts.push(Bytes::from(format!("{comma}\"{key}\":")));
        parts.push(body.slice_ref(raw.get().as_bytes()));
    }
    parts.push(Bytes::from_static(b"}"));
    Some(parts)
}

fn fields(body: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    body.only(&FIELDS.map(|(key, _)| key))?;
    let path = body.path();
    for (key, why) in [
        ("mcp_servers", "has the provider call servers as often as it likes"),
        ("container", "names something that is stored with the provider"),
    ] {
        if body.get(key).is_some() {
            return Err(path.key(key).refuse(format_args!("{why}: remove it")));
        }
    }
    one_of(body, "service_tier", &["auto", "standard_only"])?;
    one_of(body, "speed", &["standard"])?;
    one_of(body, "inference_geo", &["global"])?;
    tally.cache_control(body)?;
    tally.free_at(body, &["metadata", "stop_sequences", "tool_choice", "diagnostics", "context_hint"])?;
    if let Some(raw) = body.get("messages") {
        messages(raw, &path.key("messages"), tally)?;
    }
    if let Some(raw) = body.get("system") {
        blocks(raw, &path.key("system"), tally, 0)?;
    }
    if let Some(raw) = body.get("tools") {
        tools::tools(raw, &path.key("tools"), tally)?;
    }
    output(body, "output_config", tally)?;
    output(body, "output_format", tally)?;
    edits(body, tally)
}

/// Refuses a value that changes the price in a way a hold does not know.
fn one_of(body: &Object<'_, '_>, key: &'static str, allowed: &[&str]) -> Result<(), Refusal> {
    match body.text(key)? {
        Some(value) if !allowed.contains(&value.as_ref()) => {
            let list = allowed.join("` or `");
            Err(body.path().key(key).refuse(format_args!("must be `{list}`: another one has no price here")))
        }
        _ => Ok(()),
    }
}

fn thinking(body: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<u64, Refusal> {
    let Some(raw) = body.get("thinking") else { return Ok(0) };
    let path = body.path().key("thinking");
    let thinking = Object::open(raw, &path)?;
    thinking.only(&["type", "budget_tokens", "display", "block_binding"])?;
    tally.free_at(&thinking, &["block_binding"])?;
    Ok(thinking.whole("budget_tokens")?.unwrap_or_default())
}

/// How the answer is to look.
fn output(body: &Object<'_, '_>, key: &'static str, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let Some(raw) = body.get(key) else { return Ok(()) };
    let path = body.path().key(key);
    let output = Object::open(raw, &path)?;
    if key == "output_format" {
        output.only(&["type", "schema", "name"])?;
        return tools::schema(&output, "schema", tally);
    }
    output.only(&["effort", "format", "task_budget", "timing"])?;
    tally.free_at(&output, &["task_budget", "timing"])?;
    let Some(raw) = output.get("format") else { return Ok(()) };
    let path = path.key("format");
    let format = Object::open(raw, &path)?;
    format.only(&["type", "schema", "name"])?;
    tools::schema(&format, "schema", tally)
}

/// What the provider does to the conversation before the model reads it.
fn edits(body: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let Some(raw) = body.get("context_management") else { return Ok(()) };
    let path = body.path().key("context_management");
    let management = Object::open(raw, &path)?;
    management.only(&["edits"])?;
    let Some(raw) = management.get("edits") else { return Ok(()) };
    each(raw, &path.key("edits"), |raw, path| {
        tally.free(raw, path)?;
        let edit = Object::open(raw, path)?;
        let kind = edit.kind("type")?;
        if !EDITS.contains(&kind.as_ref()) {
            return Err(path.key("type").refuse("is not on the list of edits that have a price here: remove the edit"));
        }
        tally.compacts |= kind.starts_with("compact_");
        Ok(())
    })
}
