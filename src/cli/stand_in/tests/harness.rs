//! A stand-in on a loopback port, and a client that reads its events.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::StandIn;

/// A running stand-in and a client of it.
pub(super) struct Harness {
    /// The stand-in, to be asked what it received.
    pub(super) stand_in: StandIn,
    client: reqwest::Client,
    url: String,
}

/// One conversation, as its request's body.
pub(super) struct Conversation(Value);

/// Runs `test` against a stand-in that is served meanwhile.
pub(super) async fn with_stand_in(test: impl AsyncFnOnce(Harness)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stand_in = StandIn::new();
    let client = reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
    let harness = Harness { stand_in: stand_in.clone(), client, url };
    tokio::select! {
        served = stand_in.serve(listener, std::future::pending()) => panic!("the stand-in ended: {served:?}"),
        () = test(harness) => {}
    }
}

impl Harness {
    /// Sends a Messages request.
    pub(super) async fn send(&self, body: &Conversation) -> Response {
        let url = format!("{}/v1/messages?beta=true", self.url);
        let request = self.client.post(url).header("x-api-key", "sk-test").json(&body.0);
        request.send().await.unwrap()
    }

    /// The message that answers a request without a stream.
    pub(super) async fn message(&self, body: &Conversation) -> Value {
        self.send(body).await.json().await.unwrap()
    }

    /// The events that answer a request with a stream.
    pub(super) async fn events(&self, body: &Conversation) -> Vec<Value> {
        events(&self.send(body).await.text().await.unwrap())
    }

    /// Sends any other request.
    pub(super) async fn request(&self, method: &str, path: &str) -> Response {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        request.send().await.unwrap()
    }
}

impl Conversation {
    /// A conversation that begins with `prompt`, offering the usual tools.
    pub(super) fn new(prompt: &str) -> Self {
        let tools = ["Bash", "Read", "Write"].map(|name| json!({"name": name, "input_schema": {}}));
        Self(json!({"model": "claude-test-1", "max_tokens": 1000, "tools": tools, "messages": []})).says(prompt)
    }

    /// A conversation that begins with a script.
    pub(super) fn scripted(script: &Value) -> Self {
        Self::new(&format!("@stand-in {script}"))
    }

    /// With the answer as a stream.
    pub(super) fn streamed(self) -> Self {
        self.with("stream", json!(true))
    }

    /// With one field of the body set.
    pub(super) fn with(mut self, field: &str, value: Value) -> Self {
        self.0[field] = value;
        self
    }

    /// The user says one thing more.
    pub(super) fn says(self, prompt: &str) -> Self {
        self.adds("user", json!([{"type": "text", "text": prompt}]))
    }

    /// The message of the model is added, and a result for each tool it called.
    pub(super) fn goes_on(self, message: &Value, result: &str) -> Self {
        let calls = message["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
        let results: Vec<Value> =
            calls.map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": result})).collect();
        let this = self.adds("assistant", message["content"].clone());
        if results.is_empty() { this } else { this.adds("user", json!(results)) }
    }

    /// A message of any kind is added.
    pub(super) fn adds(mut self, role: &str, content: impl Into<Value>) -> Self {
        let messages = self.0["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": role, "content": content.into()}));
        self
    }
}

/// The events in a body; each is named by its type.
pub(super) fn events(body: &str) -> Vec<Value> {
    let event = |frame: &str| {
        let (name, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    body.split_terminator("\n\n").map(event).collect()
}

/// What kinds of events there are, repetitions left out.
pub(super) fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    kinds.dedup();
    kinds
}

/// What the deltas say under `field`, joined.
pub(super) fn said(events: &[Value], field: &str) -> String {
    events.iter().filter_map(|event| event["delta"][field].as_str()).collect()
}
