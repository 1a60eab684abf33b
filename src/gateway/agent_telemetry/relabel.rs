//! Writes over a sandbox's telemetry whose it is.
//!
//! What comes out of a sandbox may be made up. Its resource says who speaks as we know it, what it says of that at any other
//! place is taken out, and of spans only those are left that belong to its turn's trace: it cannot put anything into
//! another tenant's.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::{DecodeError, Message};

use crate::sandbox::Caller;
use crate::telemetry::Signal;

/// What we say, and nobody else.
const OURS: [&str; 8] =
    ["service.name", "service.namespace", "service.instance.id", "tenant", "session", "turn", "request", "key"];

/// The name agents' telemetry goes by.
const SERVICE: &str = "claude-code";

/// Whose telemetry it is.
#[derive(Debug)]
pub(super) struct Labels {
    tenant: String,
    session: String,
    turn: String,
    /// The turn's trace, if it is kept.
    trace: Option<Vec<u8>>,
}

impl Labels {
    /// Those of a sandbox.
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            tenant: caller.tenant.to_string(),
            session: caller.session.to_string(),
            turn: caller.turn.to_string(),
            trace: caller.trace.trace_id_bytes().filter(|_| caller.trace.is_sampled()),
        }
    }

    /// A session is an instance of the service: its counters are its own. More would make a series of each turn.
    fn write(&self, resource: &mut Option<Resource>, signal: Signal) {
        let resource = resource.get_or_insert_default();
        clean(&mut resource.attributes);
        let whose = [("service.name", SERVICE), ("service.instance.id", &self.session), ("tenant", &self.tenant)];
        let which = [("session", &self.session), ("turn", &self.turn)];
        let which = which.into_iter().filter(|_| signal != Signal::Metrics).map(|(name, id)| (name, id.as_str()));
        resource.attributes.extend(whose.into_iter().chain(which).map(|(name, value)| text(name, value)));
    }

    fn is_ours(&self, trace: &[u8]) -> bool {
        self.trace.as_deref() == Some(trace)
    }
}

/// A sandbox's telemetry as it may be sent; nothing, when nothing is left of it.
///
/// # Errors
/// When it cannot be read.
pub(super) fn relabel(signal: Signal, body: &[u8], labels: &Labels) -> Result<Option<Vec<u8>>, DecodeError> {
    match signal {
        Signal::Traces => traces(body, labels),
        Signal::Metrics => metrics(body, labels),
        Signal::Logs => logs(body, labels),
    }
}

fn traces(body: &[u8], labels: &Labels) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut request = ExportTraceServiceRequest::decode(body)?;
    for resource in &mut request.resource_spans {
        labels.write(&mut resource.resource, Signal::Traces);
        for scope in &mut resource.scope_spans {
            clean_scope(&mut scope.scope);
            scope.spans.retain(|span| labels.is_ours(&span.trace_id));
            scope.spans.iter_mut().for_each(clean_span);
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    request.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    Ok((!request.resource_spans.is_empty()).then(|| request.encode_to_vec()))
}

fn metrics(body: &[u8], labels: &Labels) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut request = ExportMetricsServiceRequest::decode(body)?;
    for resource in &mut request.resource_metrics {
        labels.write(&mut resource.resource, Signal::Metrics);
        for scope in &mut resource.scope_metrics {
            clean_scope(&mut scope.scope);
            scope.metrics.iter_mut().for_each(clean_metric);
        }
    }
    Ok((!request.resource_metrics.is_empty()).then(|| request.encode_to_vec()))
}

fn logs(body: &[u8], labels: &Labels) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut request = ExportLogsServiceRequest::decode(body)?;
    for resource in &mut request.resource_logs {
        labels.write(&mut resource.resource, Signal::Logs);
        for scope in &mut resource.scope_logs {
            clean_scope(&mut scope.scope);
            for record in &mut scope.log_records {
                clean_record(record, labels);
            }
        }
    }
    Ok((!request.resource_logs.is_empty()).then(|| request.encode_to_vec()))
}

fn clean_span(span: &mut Span) {
    clean(&mut span.attributes);
    span.events.iter_mut().for_each(|event| clean(&mut event.attributes));
    // They name other traces.
    span.links.clear();
}

fn clean_metric(metric: &mut Metric) {
    clean(&mut metric.metadata);
    let numbers = match &mut metric.data {
        Some(Data::Gauge(gauge)) => &mut gauge.data_points,
        Some(Data::Sum(sum)) => &mut sum.data_points,
        Some(Data::Histogram(histogram)) => {
            for point in &mut histogram.data_points {
                clean(&mut point.attributes);
                point.exemplars.clear();
            }
            return;
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            for point in &mut histogram.data_points {
                clean(&mut point.attributes);
                point.exemplars.clear();
            }
            return;
        }
        Some(Data::Summary(summary)) => {
            return summary.data_points.iter_mut().for_each(|point| clean(&mut point.attributes));
        }
        None => return,
    };
    for point in numbers {
        clean(&mut point.attributes);
        point.exemplars.clear();
    }
}

fn clean_record(record: &mut LogRecord, labels: &Labels) {
    clean(&mut record.attributes);
    if !labels.is_ours(&record.trace_id) {
        record.trace_id.clear();
        record.span_id.clear();
    }
}

fn clean_scope(scope: &mut Option<InstrumentationScope>) {
    if let Some(scope) = scope {
        clean(&mut scope.attributes);
    }
}

fn clean(attributes: &mut Vec<KeyValue>) {
    attributes.retain(|attribute| !OURS.contains(&attribute.key.as_str()));
}

fn text(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
    use opentelemetry_proto::tonic::metrics::v1::{Exemplar, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
    use opentelemetry_proto::tonic::trace::v1::span::Link;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

    use super::*;

    const OF_OTHERS: &str = "of-another-tenant";

    fn labels() -> Labels {
        let words = |word: &str| word.to_owned();
        Labels { tenant: words("acme"), session: words("s1"), turn: words("t1"), trace: Some(vec![7; 16]) }
    }

    fn lies() -> Vec<KeyValue> {
        let lies =
            ["tenant", "session", "turn", "service.name", "service.instance.id"].map(|name| text(name, OF_OTHERS));
        lies.into_iter().chain([text("model", "kept")]).collect()
    }

    fn resource() -> Resource {
        Resource { attributes: lies(), ..Resource::default() }
    }

    fn scope() -> InstrumentationScope {
        InstrumentationScope { attributes: lies(), ..InstrumentationScope::default() }
    }

    fn shown(resource: Option<&Resource>) -> Vec<(&str, &str)> {
        let attributes = resource.unwrap().attributes.iter();
        let shown = attributes.map(|attribute| match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
            Value::StringValue(value) => (attribute.key.as_str(), value.as_str()),
            other => panic!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn metrics_are_the_tenant_s_whatever_they_say() {
        let exemplar = Exemplar { filtered_attributes: lies(), ..Exemplar::default() };
        let point = NumberDataPoint { attributes: lies(), exemplars: vec![exemplar], ..NumberDataPoint::default() };
        let data = Some(Data::Sum(Sum { data_points: vec![point], ..Sum::default() }));
        let metrics = vec![Metric { name: "cost".to_owned(), data, ..Metric::default() }];
        let told = ResourceMetrics {
            resource: Some(resource()),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        };
        let told = ExportMetricsServiceRequest { resource_metrics: vec![told] }.encode_to_vec();
        let sent = relabel(Signal::Metrics, &told, &labels()).unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&sent).contains(OF_OTHERS));
        let sent = ExportMetricsServiceRequest::decode(&*sent).unwrap();
        assert_eq!(
            shown(sent.resource_metrics[0].resource.as_ref()),
            [("model", "kept"), ("service.name", SERVICE), ("service.instance.id", "s1"), ("tenant", "acme")]
        );
    }

    #[test]
    fn spans_of_other_traces_go_nowhere() {
        let span = |trace| Span {
            trace_id: vec![trace; 16],
            attributes: lies(),
            links: vec![Link { trace_id: vec![9; 16], ..Link::default() }],
            ..Span::default()
        };
        let request = |spans| {
            let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
            let told = ResourceSpans { resource: Some(resource()), scope_spans, ..ResourceSpans::default() };
            ExportTraceServiceRequest { resource_spans: vec![told] }.encode_to_vec()
        };
        let sent = relabel(Signal::Traces, &request(vec![span(7), span(8)]), &labels()).unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&sent).contains(OF_OTHERS));
        let sent = ExportTraceServiceRequest::decode(&*sent).unwrap();
        let spans = &sent.resource_spans[0].scope_spans[0].spans;
        assert_eq!((spans.len(), &spans[0].trace_id, spans[0].links.len()), (1, &vec![7; 16], 0));
        assert_eq!(relabel(Signal::Traces, &request(vec![span(8)]), &labels()), Ok(None));
        let not_kept = Labels { trace: None, ..labels() };
        assert_eq!(relabel(Signal::Traces, &request(vec![span(7)]), &not_kept), Ok(None));
    }

    #[test]
    fn records_name_no_other_trace() {
        let record = |trace| LogRecord { trace_id: vec![trace; 16], attributes: lies(), ..LogRecord::default() };
        let scope_logs =
            vec![ScopeLogs { scope: Some(scope()), log_records: vec![record(7), record(8)], ..ScopeLogs::default() }];
        let told = ResourceLogs { resource: None, scope_logs, ..ResourceLogs::default() };
        let told = ExportLogsServiceRequest { resource_logs: vec![told] }.encode_to_vec();
        let sent = relabel(Signal::Logs, &told, &labels()).unwrap().unwrap();
        let sent = ExportLogsServiceRequest::decode(&*sent).unwrap();
        let records = &sent.resource_logs[0].scope_logs[0].log_records;
        assert_eq!((records[0].trace_id.len(), records[1].trace_id.len()), (16, 0));
        let whose = shown(sent.resource_logs[0].resource.as_ref());
        assert!(whose.contains(&("turn", "t1")) && whose.contains(&("session", "s1")), "{whose:?}");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(relabel(Signal::Metrics, b"\xff\xff", &labels()).is_err());
    }
}
