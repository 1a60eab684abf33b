//! Traces: begun once, as the settings say, and sent to the end.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracing::warn;

use super::otlp::{Otlp, OtlpError, Signal};
use super::sampler::Sampler;
use super::span::TRACER;
use crate::config::TracesConfig;

/// Spans that may wait to be sent; further ones are lost, and nobody is kept waiting.
const QUEUE: usize = 8_192;

/// How long spans may take to be sent when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The traces of this process, if they are on.
#[derive(Debug)]
pub struct Traces(Option<Traced>);

#[derive(Debug)]
struct Traced {
    provider: SdkTracerProvider,
    /// What sends its spans.
    otlp: Otlp,
}

impl Traces {
    /// Begins to trace, if the settings say where to.
    pub(super) fn start(config: &TracesConfig) -> Result<Self, OtlpError> {
        let Some(otlp) = Otlp::new(config)? else { return Ok(Self(None)) };
        if !(0.0..=1.0).contains(&config.sample_ratio) {
            return Err(OtlpError::Ratio);
        }
        let endpoint = otlp.url(Signal::Traces).to_string();
        let exporter = SpanExporter::builder().with_http().with_http_client(otlp.clone()).with_endpoint(endpoint);
        let exporter = exporter.with_timeout(Duration::from_millis(config.timeout_ms));
        let exporter = exporter.build().map_err(OtlpError::Exporter)?;
        let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
        let resource = Resource::builder()
            .with_service_name(config.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler { ratio: config.sample_ratio, incoming: config.incoming })
            .with_resource(resource.build())
            .build();
        // A second start in one process would keep the first one's.
        let _ = TRACER.set(provider.tracer("innkeeper"));
        Ok(Self(Some(Traced { provider, otlp })))
    }

    /// Sends what is left.
    pub async fn end(self) {
        if let Some(Traced { provider, otlp }) = self.0 {
            let sent = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_WORDS)).await;
            otlp.ended.cancel();
            if !matches!(sent, Ok(Ok(()))) && Signal::Traces.trouble().begins() {
                warn!("traces.otlp_endpoint did not answer in time, so the last spans are lost");
            }
        }
    }
}
