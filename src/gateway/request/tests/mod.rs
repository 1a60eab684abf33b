//! Tests of what a call may carry and what is held for it.

mod accepted;
mod properties;
mod refused;

use serde_json::{Value, json};

use super::{Fetch, Policy};
use crate::domain::EgressHost;
use crate::gateway::ask::{self, Asked, Rules};
use crate::gateway::price_file;

/// What the sandbox of a test may do.
#[derive(Clone, Copy, Default)]
struct Granted<'g> {
    hosts: &'g [&'g str],
    web_search: bool,
    tools: Option<&'g [&'g str]>,
    models: Option<&'g [&'g str]>,
}

/// Reads `body` as a call of a sandbox that is granted so much; a refusal comes as its words.
fn read_by(body: &[u8], granted: Granted<'_>) -> (Result<Asked, String>, Option<Fetch>) {
    let prices = price_file::built_in().unwrap();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let egress: Vec<EgressHost> = granted.hosts.iter().map(|host| host.parse().unwrap()).collect();
    let (tools, models) = (granted.tools.map(owned), granted.models.map(owned));
    let policy = Policy { egress: &egress, web_search: granted.web_search, tools: tools.as_deref() };
    let (rules, mut denied) = (Rules { policy, models: models.as_deref(), prices: &prices }, None);
    let read = ask::read(body, rules, &mut denied).map_err(|refusal| refusal.message().to_owned());
    (read, denied)
}

fn read(body: &Value) -> Result<Asked, String> {
    read_by(body.to_string().as_bytes(), Granted::default()).0
}

/// A call of a model that costs 2 dollars for a million tokens of input and 10 for output, with these fields.
fn call(fields: &Value) -> Value {
    let mut body = json!({"model": "claude-sonnet-5-5", "max_tokens": 1_000});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// A call with one message of these blocks.
fn blocks(blocks: &Value) -> Value {
    call(&json!({"messages": [{"role": "user", "content": blocks}]}))
}

/// A call with these tools.
fn tools(tools: &Value) -> Value {
    call(&json!({"tools": tools}))
}

/// A PNG of so many pixels, as far as its header goes, in base64.
fn png(width: u32, height: u32) -> String {
    use base64::Engine;
    let header = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes()].concat();
    base64::engine::general_purpose::STANDARD.encode([header, vec![0; 30_000]].concat())
}

fn image(data: &str) -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
}

fn pdf(bytes: usize) -> Value {
    let source = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBE".repeat(bytes / 3)});
    json!({"type": "document", "source": source})
}
