//! Spans of traces: what a piece of work was, how long it took, and what it was a part of.
//!
//! A span's parent is handed to it. It is not looked for in the task that happens to run: a turn outlives the request
//! that began it, and a model call is served by a task that knows of neither.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use http::{HeaderMap, HeaderName};
use opentelemetry::context::FutureExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

use crate::config::IncomingTraces;

/// What makes spans, once the settings want them.
pub(super) static TRACER: OnceLock<SdkTracer> = OnceLock::new();

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The longest `tracestate` that is taken along, which is as long as everybody must. Every span below carries it.
const TRACESTATE_BYTES: usize = 512;

/// What a span is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers somebody.
    Server,
    /// It asks somebody.
    Client,
    /// It is work of our own.
    Internal,
}

/// A piece of work that is traced until this is dropped. Nothing, while traces are off.
#[must_use = "a span ends when it is dropped"]
#[derive(Debug)]
pub struct Span(Option<Context>);

/// A place in a trace, which further spans can be put below. Cheap to clone.
#[derive(Clone, Default)]
pub struct TraceContext(Context);

impl Span {
    /// Begins a span below `parent`.
    pub fn begin(
        kind: Kind,
        name: impl Into<Cow<'static, str>>,
        parent: &TraceContext,
        attributes: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Internal => SpanKind::Internal,
        };
        let attributes = attributes.into_iter().map(|(name, value)| KeyValue::new(name, value));
        let span = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        Self(Some(parent.0.with_span(tracer.build_with_context(span, &parent.0))))
    }

    /// No span.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Where it is.
    pub fn context(&self) -> TraceContext {
        TraceContext(self.0.clone().unwrap_or_default())
    }

    /// Notes something of it.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Notes that something happened meanwhile.
    pub fn event(&self, name: &'static str) {
        if let Some(context) = &self.0 {
            context.span().add_event(name, Vec::new());
        }
    }

    /// Says that it failed, and of what sort the failure is.
    pub fn fail(&self, sort: impl Into<Cow<'static, str>>) {
        if let Some(context) = &self.0 {
            fail_in(context, sort.into());
        }
    }

    /// `work`, which is this span's: whoever is asked in it for the present span finds this one.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.0.clone().unwrap_or_default())
    }

    /// The same, and the span ends with the work.
    pub async fn until_done<F: Future>(self, work: F) -> F::Output {
        self.around(work).await
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

/// Notes something of the span the present work belongs to.
pub fn set(name: &'static str, value: impl Into<Value>) {
    Context::map_current(|context| context.span().set_attribute(KeyValue::new(name, value)));
}

/// Notes in the span the present work belongs to that something happened.
pub fn event(name: &'static str) {
    Context::map_current(|context| context.span().add_event(name, Vec::new()));
}

/// Says that the span the present work belongs to failed, and of what sort the failure is.
pub fn fail(sort: impl Into<Cow<'static, str>>) {
    Context::map_current(|context| fail_in(context, sort.into()));
}

fn fail_in(context: &Context, sort: Cow<'static, str>) {
    let span = context.span();
    span.set_status(Status::error(sort.clone()));
    span.set_attribute(KeyValue::new("error.type", sort));
}

impl TraceContext {
    /// `work`, done at this place.
    pub fn around<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.0)
    }

    /// The place of the present work.
    pub fn current() -> Self {
        Self(Context::current())
    }

    /// The place a request's headers name, as far as `counts` lets them.
    pub fn incoming(headers: &HeaderMap, counts: IncomingTraces) -> Self {
        if counts == IncomingTraces::Ignore || TRACER.get().is_none() {
            return Self::default();
        }
        let state = headers.get(TRACESTATE).filter(|state| state.len() <= TRACESTATE_BYTES);
        let taken = [(TRACEPARENT, headers.get(TRACEPARENT)), (TRACESTATE, state)];
        let taken = taken.into_iter().filter_map(|(name, value)| Some((name, value?.clone()))).collect();
        Self(TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(&taken)))
    }

    /// The trace's id.
    pub fn trace_id(&self) -> Option<String> {
        let span = self.0.span();
        let context = span.span_context();
        context.is_valid().then(|| context.trace_id().to_string())
    }

    /// The same, as OTLP has it.
    pub fn trace_id_bytes(&self) -> Option<Vec<u8>> {
        let span = self.0.span();
        let context = span.span_context();
        context.is_valid().then(|| context.trace_id().to_bytes().to_vec())
    }

    /// The place as `traceparent` writes it.
    pub fn traceparent(&self) -> Option<String> {
        let span = self.0.span();
        let context = span.span_context();
        let flags = context.trace_flags().to_u8();
        context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
    }

    /// Whether what happens there is kept.
    pub fn is_sampled(&self) -> bool {
        self.0.span().span_context().is_sampled()
    }

    /// Writes the place into `headers`.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        TraceContextPropagator::new().inject_context(&self.0, &mut HeaderInjector(headers));
    }

    /// Removes whatever place `headers` name.
    pub fn remove_from(headers: &mut HeaderMap) {
        for name in [TRACEPARENT, TRACESTATE, BAGGAGE] {
            headers.remove(name);
        }
    }
}

/// The place, not all that a context may hold.
impl fmt::Debug for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TraceContext").field(&self.traceparent()).finish()
    }
}
