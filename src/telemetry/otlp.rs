//! The way to the OTLP endpoint: of our own spans, and of what agents tell about themselves.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Trouble;
use crate::config::TracesConfig;

/// What telemetry is told in.
pub(super) const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The longest answer of the endpoint that is read.
const MAX_ANSWER_BYTES: usize = 65_536;

/// Whether what is sent does not arrive, of each sort. A process has one endpoint, which may take only some.
static TROUBLES: [Trouble; 3] = [Trouble::new(), Trouble::new(), Trouble::new()];

/// Sends to the OTLP endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Otlp {
    client: Client,
    base: Url,
    /// What drives the client: spans are sent by a thread of their own.
    runtime: Handle,
    /// Cancelled when the runtime ends, which the thread may outlive.
    pub(super) ended: CancellationToken,
}

/// A sort of telemetry, which has a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Counters and the like.
    Metrics,
    /// Log records and events.
    Logs,
}

/// Telemetry cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The endpoint is no address.
    #[error("traces.otlp_endpoint must be an http or https address without user, query or fragment")]
    Endpoint,
    /// The headers are none.
    #[error("traces.otlp_headers must be NAME=VALUE, with commas between several")]
    Headers,
    /// The share that is kept is none.
    #[error("traces.sample_ratio must be from 0 to 1")]
    Ratio,
    /// The client cannot be made.
    #[error("the client of traces.otlp_endpoint cannot be made")]
    Client(#[source] reqwest::Error),
    /// The exporter cannot be made.
    #[error("the exporter of traces cannot be made")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// The endpoint was not reached.
    #[error("the OTLP endpoint does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The process ends, and it was not sent in time.
    #[error("the process ends")]
    Ended,
    /// The endpoint did not take it.
    #[error("the OTLP endpoint answered {0}")]
    Refused(http::StatusCode),
}

impl Signal {
    /// Where it is taken, below an endpoint.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// What is known of its arriving.
    pub(super) fn trouble(self) -> &'static Trouble {
        &TROUBLES[self as usize]
    }
}

impl Otlp {
    /// The way the settings name, if they name one. To be called inside the runtime that is to send.
    ///
    /// # Errors
    /// When the endpoint or a header cannot be used.
    pub fn new(config: &TracesConfig) -> Result<Option<Self>, OtlpError> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let mut base = Url::parse(&config.otlp_endpoint).map_err(|_| OtlpError::Endpoint)?;
        let is_plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
        if !matches!(base.scheme(), "http" | "https") || !is_plain || base.fragment().is_some() {
            return Err(OtlpError::Endpoint);
        }
        let prefix = base.path().trim_end_matches('/').to_owned();
        base.set_path(&prefix);
        let client = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .default_headers(headers(config.otlp_headers.expose())?)
            .timeout(Duration::from_millis(config.timeout_ms));
        let client = client.build().map_err(OtlpError::Client)?;
        Ok(Some(Self { client, base, runtime: Handle::current(), ended: CancellationToken::new() }))
    }

    /// Where a sort of telemetry is sent.
    pub(super) fn url(&self, signal: Signal) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), signal.path()));
        url
    }

    /// Sends a piece of telemetry, in protobuf.
    ///
    /// # Errors
    /// When it does not arrive. The log tells so already.
    pub async fn send(&self, signal: Signal, body: Vec<u8>) -> Result<(), OtlpError> {
        let request = self.client.post(self.url(signal)).header(CONTENT_TYPE, PROTOBUF).body(body);
        let answer = request.send().await.map_err(|error| OtlpError::Unreachable(error.without_url()));
        told(signal, answer.and_then(accepted)).map(drop)
    }
}

/// What sends our own spans.
#[async_trait]
impl HttpClient for Otlp {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = async {
            let request = reqwest::Request::try_from(request).map_err(OtlpError::Unreachable)?;
            let answer = self.client.execute(request).await;
            let mut answer = accepted(answer.map_err(|error| OtlpError::Unreachable(error.without_url()))?)?;
            let (status, mut body) = (answer.status(), Vec::new());
            while let Some(piece) = answer.chunk().await.map_err(OtlpError::Unreachable)? {
                if body.len() + piece.len() <= MAX_ANSWER_BYTES {
                    body.extend_from_slice(&piece);
                }
            }
            let mut response = Response::new(body.into());
            *response.status_mut() = status;
            Ok(response)
        };
        let sending = TokioContext::new(sending, self.runtime.clone());
        let sent = self.ended.run_until_cancelled(sending).await;
        Ok(told(Signal::Traces, sent.ok_or(OtlpError::Ended)?)?)
    }
}

/// Tells of the first failure, and of the first success after.
fn told<T>(signal: Signal, sent: Result<T, OtlpError>) -> Result<T, OtlpError> {
    match &sent {
        Err(error) if signal.trouble().begins() => warn!(
            ?signal,
            error = error as &dyn std::error::Error,
            "telemetry does not arrive at traces.otlp_endpoint and is lost until it does; sessions are not touched"
        ),
        Ok(_) if signal.trouble().ends() => info!(?signal, "telemetry arrives at traces.otlp_endpoint again"),
        _ => {}
    }
    sent
}

fn accepted(answer: reqwest::Response) -> Result<reqwest::Response, OtlpError> {
    if answer.status().is_success() { Ok(answer) } else { Err(OtlpError::Refused(answer.status())) }
}

fn headers(text: &str) -> Result<HeaderMap, OtlpError> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name.trim().parse::<HeaderName>().ok()?, value))
        })
        .collect::<Option<_>>()
        .ok_or(OtlpError::Headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn an_endpoint_is_plain_and_its_paths_are_put_behind_it() {
        let with = |endpoint: &str| {
            let traces = Config::load(None).unwrap().traces;
            Otlp::new(&TracesConfig { otlp_endpoint: endpoint.to_owned(), ..traces })
        };
        assert!(with("").unwrap().is_none());
        let otlp = with("https://collector.example/tenant/").unwrap().unwrap();
        assert_eq!(otlp.url(Signal::Logs).as_str(), "https://collector.example/tenant/v1/logs");
        for bad in
            ["collector:4317", "grpc://collector", "http://user:secret@collector", "http://collector/?key=secret"]
        {
            assert!(matches!(with(bad), Err(OtlpError::Endpoint)), "{bad}");
        }
    }

    #[test]
    fn headers_are_pairs_and_are_not_shown() {
        let read = headers("authorization=Bearer a=b, x-scope=acme").unwrap();
        assert_eq!(
            (&read["authorization"], &read["x-scope"]),
            (&"Bearer a=b".parse().unwrap(), &"acme".parse().unwrap())
        );
        assert!(!format!("{read:?}").contains("Bearer"), "{read:?}");
        assert!(headers("").unwrap().is_empty());
        for bad in ["authorization", "a b=c", "a=\u{7f}"] {
            assert!(headers(bad).is_err(), "{bad}");
        }
    }
}
