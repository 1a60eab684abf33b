//! What goes over the wire: calls as a sandbox writes them, and answers as it reads them.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde_json::{Value, json};

/// What the model API is called with.
pub(super) const KEY: &str = "sk-real-0001";

/// What a sandbox has for a key.
pub(super) const PLACEHOLDER: &str = "sk-placeholder";

/// A model that has a price: 4 dollars for a million tokens of input, 20 for output.
pub(super) const OPUS: &str = "claude-opus-5-5";

/// An answer that was read to its end.
pub(super) struct Told {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Bytes,
}

impl Told {
    /// Reads `response` to its end. Nothing a sandbox is told holds the key.
    pub(super) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let told = Self { status, headers, body: response.bytes().await.unwrap() };
        let shown = format!("{:?} {}", told.headers, told.text());
        assert!(!shown.contains(KEY), "the key is told: {shown}");
        told
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The message of an error that the gateway itself made, and that is of this kind.
    pub(super) fn refusal(&self, status: u16, kind: &str, may_retry: bool) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.headers["content-type"], "application/json");
        let retry = self.headers.get("x-should-retry").map(|value| value.to_str().unwrap());
        assert_eq!(retry, if may_retry { None } else { Some("false") });
        let body = self.json();
        let message = body["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(body, json!({"type": "error", "error": {"type": kind, "message": message}}));
        message
    }
}

/// The longest answer a call asks for, in tokens.
pub(super) const MAX_TOKENS: i64 = 32_000;

/// A call of the model with a prompt that is `script`.
pub(super) fn scripted(script: &Value) -> Value {
    let prompt = format!("@stand-in {script}");
    json!({"model": OPUS, "max_tokens": MAX_TOKENS, "messages": [{"role": "user", "content": prompt}]})
}

/// A call of the model whose answer is to stream.
pub(super) fn hello() -> Value {
    streamed(scripted(&json!({})))
}

/// `body` with one field set.
pub(super) fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

/// `body` with the answer asked for as a stream.
pub(super) fn streamed(body: Value) -> Value {
    with(body, "stream", true)
}

/// Reads a streamed answer until `mark` has come, and answers what has come until then.
pub(super) async fn read_until(response: &mut Response, mark: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(mark) {
        let piece = response.chunk().await.unwrap().unwrap_or_else(|| panic!("the answer ended with {seen}"));
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
    seen
}
