//! The ids a log line is told with: of the request, the tenant, the session and the turn it was written for.
//!
//! They are fields of spans around the work. Tasks that are spawned within such a span are within it too.

use std::fmt::Debug;

use tracing::field::{Empty, Field, Visit, display};
use tracing::span::{Attributes, Id, Record};
use tracing::{Instrument, Span, Subscriber, info_span};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::TraceContext;
use crate::domain::{RequestId, SessionId, TenantId, TurnId};

/// The target of spans that are there for their ids. They are there whatever is logged: a line finds its ids only through spans
/// that all are.
pub const IDS: &str = "innkeeper::ids";

/// What lines are told with, in this order.
const NAMES: [&str; 6] = ["tenant", "session", "turn", "request", "trace_id", "task"];

/// The ids of one span, each at the place of its name.
#[derive(Debug, Default)]
struct Ids([Option<String>; NAMES.len()]);

/// Keeps the ids of spans where lines find them.
#[derive(Debug)]
pub(super) struct KeepIds;

/// `work`, whose lines have the request's id, and its tenant's once [`note_tenant`] knows it.
pub async fn in_request<F: Future>(work: F, request: RequestId, trace: TraceContext) -> F::Output {
    let span = info_span!(target: IDS, "request", %request, tenant = Empty, trace_id = Empty);
    with_trace(span, &trace, work).await
}

/// `work`, whose lines have a turn's ids.
pub async fn in_turn<F: Future>(
    work: F,
    (tenant, session, turn): (TenantId, SessionId, TurnId),
    trace: TraceContext,
) -> F::Output {
    let span = info_span!(target: IDS, "turn", %tenant, %session, %turn, trace_id = Empty);
    with_trace(span, &trace, work).await
}

async fn with_trace<F: Future>(span: Span, trace: &TraceContext, work: F) -> F::Output {
    if let Some(trace_id) = trace.trace_id() {
        span.record("trace_id", display(trace_id));
    }
    work.instrument(span).await
}

/// Says whose request it is.
pub fn note_tenant(tenant: TenantId) {
    Span::current().record("tenant", display(tenant));
    super::set("tenant", tenant.to_string());
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for KeepIds {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut ids = Ids::default();
        attributes.record(&mut ids);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(ids);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(ids) = span.extensions_mut().get_mut::<Ids>()
        {
            values.record(ids);
        }
    }
}

impl Visit for Ids {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(at) = NAMES.iter().position(|name| *name == field.name()) {
            self.0[at] = Some(format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(at) = NAMES.iter().position(|name| *name == field.name()) {
            self.0[at] = Some(value.to_owned());
        }
    }
}

/// The ids of a line that is written within `scope`: of two spans that name one, the inner one counts.
pub(super) fn of<'a, R: LookupSpan<'a>>(scope: Option<Scope<'a, R>>) -> Vec<(&'static str, String)> {
    let mut found = Ids::default();
    for span in scope.into_iter().flatten() {
        if let Some(ids) = span.extensions().get::<Ids>() {
            for (known, value) in found.0.iter_mut().zip(&ids.0) {
                if known.is_none() {
                    known.clone_from(value);
                }
            }
        }
    }
    NAMES.into_iter().zip(found.0).filter_map(|(name, value)| Some((name, value?))).collect()
}
