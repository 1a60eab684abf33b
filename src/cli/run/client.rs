//! A client of the public API: start a session, see how it stands.

use std::error::Error;

use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::order::Order;
use crate::cli::CommandResult;
use crate::domain::Secret;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How a session stands, as `GET /status/{id}` answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    #[serde(rename = "status")]
    pub(super) state: String,
    pub(super) messages: Vec<Value>,
    pub(super) error: Option<String>,
    /// Milliseconds.
    pub(super) duration_ms: Option<i64>,
    /// Dollars, with all their digits.
    pub(super) total_cost_usd: Option<serde_json::Number>,
}

/// The public API of one server, with one key.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: Secret,
}

#[derive(Deserialize)]
struct Started {
    session_id: String,
}

impl Client {
    pub(super) fn new(url: &str, key: String) -> Fallible<Self> {
        // A server of one's own is asked directly, whatever proxy the way to the world takes.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), key: Secret::new(key) })
    }

    pub(super) async fn execute(&self, order: &Order) -> Fallible<String> {
        let started: Started = self.send(self.http.post(format!("{}/execute/", self.url)).json(order)).await?;
        Ok(started.session_id)
    }

    pub(super) async fn status(&self, session: &str) -> Fallible<Status> {
        self.send(self.http.get(format!("{}/status/{session}", self.url))).await
    }

    /// The same as the server answers it.
    pub(super) async fn whole_status(&self, session: &str) -> Fallible<Value> {
        self.send(self.http.get(format!("{}/status/{session}", self.url))).await
    }

    /// Cancels the turn under way.
    pub(super) async fn cancel(&self, session: &str) -> CommandResult {
        self.send::<Value>(self.http.post(format!("{}/cancel/{session}", self.url))).await.map(drop)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Fallible<T> {
        let request = request.header("x-api-key", self.key.expose());
        let response = request.send().await.map_err(|error| format!("no server answers at {}: {error}", self.url))?;
        let status = response.status();
        let body = response.bytes().await?;
        if status == StatusCode::OK {
            return Ok(serde_json::from_slice(&body)?);
        }
        let said = serde_json::from_slice::<Value>(&body).ok().and_then(|body| body.get("detail").map(said));
        Err(format!("the server refused ({status}): {}", said.unwrap_or_else(|| "it did not say why".to_owned()))
            .into())
    }
}

impl Status {
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "error" | "cancelled")
    }

    /// Whether the turn came to what was asked for.
    pub(super) fn verdict(&self) -> CommandResult {
        match (self.state.as_str(), &self.error) {
            ("completed", _) => Ok(()),
            ("cancelled", _) => Err("the turn was cancelled".into()),
            (_, Some(error)) => Err(error.clone().into()),
            (_, None) => Err("the turn failed".into()),
        }
    }
}

/// A refusal in words: a text, or a list of faults.
fn said(detail: &Value) -> String {
    match detail {
        Value::String(text) => text.clone(),
        Value::Array(faults) => {
            let faults = faults.iter().filter_map(|fault| fault.get("msg").and_then(Value::as_str));
            faults.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
