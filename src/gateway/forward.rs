//! The way to the model API: one pool of connections for every sandbox, and the only place that knows the key.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Url};

use super::hold::Hold;
use super::intake::Memory;
use super::reply::Refusal;
use super::usable::{UpstreamWatch, Usable};
use super::{GatewayError, headers};
use crate::config::GatewayConfig;
use crate::telemetry::TraceContext;

/// How long a connection to the model API may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the model API may take when it is only looked at, and in which version it is.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// The model API.
pub(super) struct Upstream {
    client: Client,
    base: Url,
    key: HeaderValue,
    /// Whether it is told the call's place in its trace.
    is_told_traces: bool,
    /// Whether it can be used, as far as is known.
    watch: UpstreamWatch,
}

/// What the model API said in truth, where its answer was replaced.
#[derive(Clone, Copy, Debug)]
struct Truly(StatusCode);

/// The status of an answer as the model API gave it.
pub(super) fn true_status(answer: &reqwest::Response) -> StatusCode {
    answer.extensions().get().map_or(answer.status(), |Truly(status)| *status)
}

/// A sandbox's request on its way out. Body and query are as they came.
pub(super) struct Outgoing {
    /// The query with which the path was asked for.
    pub(super) query: Option<String>,
    /// The sandbox's headers.
    pub(super) headers: HeaderMap,
    /// The sandbox's bytes.
    pub(super) body: Bytes,
    /// The memory the body was granted: given back when it was sent.
    pub(super) memory: Memory,
}

impl Upstream {
    /// Prepares calls to the model API.
    pub(super) fn new(config: &GatewayConfig, is_told_traces: bool) -> Result<Self, GatewayError> {
        let mut base = Url::parse(&config.upstream_url).map_err(|_| GatewayError::UpstreamUrl)?;
        let plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
        if !matches!(base.scheme(), "http" | "https") || !plain || base.fragment().is_some() {
            return Err(GatewayError::UpstreamUrl);
        }
        let prefix = base.path().trim_end_matches('/').to_owned();
        base.set_path(&prefix);
        let mut key = HeaderValue::from_str(config.api_key.expose()).map_err(|_| GatewayError::ApiKey)?;
        key.set_sensitive(true);
        let watch = UpstreamWatch::default();
        if key.is_empty() {
            watch.note(Usable::NoKey);
        }
        let client = Client::builder().redirect(Policy::none()).referer(false).connect_timeout(CONNECT_TIMEOUT).build();
        Ok(Self { client: client.map_err(GatewayError::Client)?, base, key, is_told_traces, watch })
    }

    /// Whether the model API can be used, as far as is known.
    pub(super) fn watch(&self) -> &UpstreamWatch {
        &self.watch
    }

    /// Looks whether the model API can be reached and takes the key, by a call that costs nothing.
    pub(super) async fn look(&self) {
        if self.key.is_empty() {
            return;
        }
        let mut url = self.base.clone();
        url.set_path(&format!("{}/v1/models", self.base.path().trim_end_matches('/')));
        url.set_query(Some("limit=1"));
        let asked = self.client.get(url).header(headers::API_KEY, &self.key).header(VERSION.0, VERSION.1);
        let answer = asked.timeout(LOOK_TIMEOUT).send().await;
        self.watch.note_answer(&answer, true);
    }

    /// Calls the model. The hold is the proof that the ledger knows of it.
    pub(super) async fn call(&self, outgoing: Outgoing, _hold: &Hold) -> reqwest::Result<reqwest::Response> {
        self.post("/v1/messages", outgoing).await
    }

    /// Counts a request's tokens, which the provider does not charge.
    pub(super) async fn count_tokens(&self, outgoing: Outgoing) -> reqwest::Result<reqwest::Response> {
        self.post("/v1/messages/count_tokens", outgoing).await
    }

    /// Counts the tokens of a request that consists of `parts` and has the query and the headers of `outgoing`.
    pub(super) async fn count_parts(
        &self,
        outgoing: &Outgoing,
        parts: Vec<Bytes>,
    ) -> reqwest::Result<reqwest::Response> {
        let body = Body::wrap_stream(stream::iter(parts.into_iter().map(Ok::<_, Infallible>)));
        self.send("/v1/messages/count_tokens", outgoing.query.as_deref(), outgoing.headers.clone(), body).await
    }

    async fn post(&self, path: &str, outgoing: Outgoing) -> reqwest::Result<reqwest::Response> {
        let Outgoing { query, headers, body, memory } = outgoing;
        let answer = self.send(path, query.as_deref(), headers, body.into()).await;
        drop(memory);
        answer
    }

    async fn send(
        &self,
        path: &str,
        query: Option<&str>,
        headers: HeaderMap,
        body: Body,
    ) -> reqwest::Result<reqwest::Response> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        let mut headers = headers::outgoing(headers, &self.key);
        if self.is_told_traces {
            TraceContext::current().write_to(&mut headers);
        }
        let answer = self.client.post(url).headers(headers).body(body).send().await;
        self.watch.note_answer(&answer, !self.key.is_empty());
        let answer = answer.map_err(reqwest::Error::without_url)?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // It is the installation's key that was refused. A sandbox has none that could be.
        let mut refused = Refusal::key_refused().document();
        refused.extensions_mut().insert(Truly(answer.status()));
        Ok(refused.into())
    }
}

/// The address only: the key is nobody's business.
impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstream").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    fn upstream(url: &str, key: &str) -> Result<Upstream, GatewayError> {
        let config = GatewayConfig {
            upstream_url: url.to_owned(),
            api_key: Secret::new(key),
            prices_file: std::path::PathBuf::new(),
            response_timeout_ms: 1_000,
            stream_idle_timeout_ms: 1_000,
            drain_timeout_ms: 1_000,
            reader_timeout_ms: 1_000,
            money_wait_ms: 540_000,
            max_tenant_share_percent: 50,
            max_body_bytes: 1_000,
            body_memory_bytes: 1 << 26,
            allowed_betas: Vec::new(),
        };
        Upstream::new(&config, false)
    }

    #[test]
    fn an_address_is_plain() {
        assert!(upstream("https://models.example/prefix/", "k").is_ok());
        for bad in
            ["models.example", "ftp://models.example", "http://a:b@models.example", "http://models.example/?a=b", ""]
        {
            assert!(matches!(upstream(bad, "k"), Err(GatewayError::UpstreamUrl)), "{bad} was taken");
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        let shown = format!("{:?}", upstream("https://models.example", "sk-live-1").unwrap());
        assert!(!shown.contains("sk-live-1"), "{shown}");
        let error = upstream("https://models.example", "sk-live-1\n").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sk-live-1"), "{error}");
    }
}
