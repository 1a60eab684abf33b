//! An OTLP endpoint in the test's process: takes what is exported, and shows it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::net::TcpListener;

/// An endpoint. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Collector {
    /// Where it listens.
    pub(crate) url: String,
    told: Arc<Mutex<Told>>,
    status: Arc<AtomicU16>,
}

/// Attributes, as texts.
pub(crate) type Attributes = BTreeMap<String, String>;

/// What was exported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Spans.
    pub(crate) spans: Vec<Seen>,
    /// The names of metrics, and whose they are.
    pub(crate) metrics: Vec<(String, Attributes)>,
    /// Records, and whose they are.
    pub(crate) logs: Vec<(Attributes, Attributes)>,
    /// Everything, as text.
    pub(crate) raw: String,
    /// The headers of the last request.
    pub(crate) headers: HeaderMap,
    /// How often somebody tried.
    pub(crate) requests: usize,
}

/// A span.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) attributes: Attributes,
    pub(crate) resource: Attributes,
    pub(crate) events: Vec<String>,
    pub(crate) failed: bool,
    /// Begin and end.
    pub(crate) times: (u64, u64),
}

impl Collector {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { url, told: Arc::default(), status: Arc::new(AtomicU16::new(200)) };
        let router = Router::new()
            .route("/v1/traces", post(async |State(to): State<Self>, headers, body| to.traces(headers, &body)))
            .route("/v1/metrics", post(async |State(to): State<Self>, headers, body| to.metrics(headers, &body)))
            .route("/v1/logs", post(async |State(to): State<Self>, headers, body| to.logs(headers, &body)))
            .with_state(collector.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// Has it answer `status` from now on.
    pub(crate) fn answer(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// What was exported so far.
    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap().clone()
    }

    /// The spans of a name.
    pub(crate) fn spans(&self, name: &str) -> Vec<Seen> {
        self.told().spans.into_iter().filter(|span| span.name == name).collect()
    }

    /// The one span of a name.
    pub(crate) fn span(&self, name: &str) -> Seen {
        let mut spans = self.spans(name);
        let all: Vec<_> = self.told().spans.into_iter().map(|span| span.name).collect();
        assert_eq!(spans.len(), 1, "spans called {name} among {all:?}");
        spans.remove(0)
    }

    fn take<M: Message + Default>(&self, headers: HeaderMap, body: &Bytes) -> Result<M, StatusCode> {
        let mut told = self.told.lock().unwrap();
        told.requests += 1;
        told.headers = headers;
        told.raw.push_str(&String::from_utf8_lossy(body));
        let status = StatusCode::from_u16(self.status.load(Ordering::Relaxed)).unwrap();
        if status.is_success() { M::decode(&**body).map_err(|_| StatusCode::BAD_REQUEST) } else { Err(status) }
    }

    fn traces(&self, headers: HeaderMap, body: &Bytes) -> Result<(), StatusCode> {
        let request: ExportTraceServiceRequest = self.take(headers, body)?;
        let mut told = self.told.lock().unwrap();
        for resource in request.resource_spans {
            let whose = of(resource.resource.as_ref());
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                told.spans.push(Seen {
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    attributes: texts(&span.attributes),
                    resource: whose.clone(),
                    events: span.events.into_iter().map(|event| event.name).collect(),
                    failed: span.status.is_some_and(|status| status.code == 2),
                    times: (span.start_time_unix_nano, span.end_time_unix_nano),
                    name: span.name,
                });
            }
        }
        Ok(())
    }

    fn metrics(&self, headers: HeaderMap, body: &Bytes) -> Result<(), StatusCode> {
        let request: ExportMetricsServiceRequest = self.take(headers, body)?;
        let mut told = self.told.lock().unwrap();
        for resource in request.resource_metrics {
            let whose = of(resource.resource.as_ref());
            let metrics = resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            told.metrics.extend(metrics.map(|metric| (metric.name, whose.clone())));
        }
        Ok(())
    }

    fn logs(&self, headers: HeaderMap, body: &Bytes) -> Result<(), StatusCode> {
        let request: ExportLogsServiceRequest = self.take(headers, body)?;
        let mut told = self.told.lock().unwrap();
        for resource in request.resource_logs {
            let whose = of(resource.resource.as_ref());
            let records = resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            told.logs.extend(records.map(|record| (texts(&record.attributes), whose.clone())));
        }
        Ok(())
    }
}

fn of(resource: Option<&Resource>) -> Attributes {
    resource.map(|resource| texts(&resource.attributes)).unwrap_or_default()
}

fn texts(attributes: &[KeyValue]) -> Attributes {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |attribute: &KeyValue| {
        let value = attribute.value.as_ref()?.value.as_ref()?;
        Some((attribute.key.clone(), text(value)))
    };
    attributes.iter().filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
