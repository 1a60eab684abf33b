//! Which traces are kept.
//!
//! A trace is kept whole or not at all: what is below a span of ours follows it. For a request that comes with a context
//! of its caller's a lot of our own is drawn. Neither the caller's flag nor its trace id decide, unless the settings say
//! so: both are its choice, and it could have everything kept.

use opentelemetry::trace::{Link, SpanKind, SpanRef, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::config::IncomingTraces;

/// Decides which traces are kept.
#[derive(Clone, Debug)]
pub(super) struct Sampler {
    /// The share that is kept.
    pub(super) ratio: f64,
    /// What callers decide.
    pub(super) incoming: IncomingTraces,
}

impl Sampler {
    fn keeps(&self, parent: Option<&Context>) -> bool {
        let span = parent.filter(|context| context.has_active_span()).map(TraceContextExt::span);
        match span.as_ref().map(SpanRef::span_context) {
            Some(ours) if !ours.is_remote() => ours.is_sampled(),
            Some(caller) if self.incoming == IncomingTraces::Follow => caller.is_sampled(),
            _ => draw() < self.ratio,
        }
    }
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let decision = if self.keeps(parent) { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        let trace_state =
            parent.map_or_else(TraceState::default, |context| context.span().span_context().trace_state().clone());
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

/// A number from 0 to 1, never 1. Without random numbers it is 0: better a trace too many than none.
fn draw() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    use super::*;

    fn sampler(ratio: f64, incoming: IncomingTraces) -> Sampler {
        Sampler { ratio, incoming }
    }

    fn parent(flags: TraceFlags, is_remote: bool) -> Context {
        let (trace, span) = (TraceId::from(1), SpanId::from(1));
        let context = SpanContext::new(trace, span, flags, is_remote, TraceState::default());
        Context::new().with_remote_span_context(context)
    }

    #[test]
    fn a_caller_cannot_have_its_requests_kept_by_its_flag_or_its_trace_id() {
        let caller = parent(TraceFlags::SAMPLED, true);
        assert!(!sampler(0.0, IncomingTraces::Join).keeps(Some(&caller)));
        assert!(sampler(1.0, IncomingTraces::Join).keeps(Some(&parent(TraceFlags::default(), true))));
        let half = sampler(0.5, IncomingTraces::Join);
        let kept = (0..1_000).filter(|_| half.keeps(Some(&caller))).count();
        assert!((300..700).contains(&kept), "one and the same trace id was kept {kept} times of 1000");
    }

    #[test]
    fn a_caller_decides_where_it_is_followed() {
        let follow = |ratio| sampler(ratio, IncomingTraces::Follow);
        assert!(follow(0.0).keeps(Some(&parent(TraceFlags::SAMPLED, true))));
        assert!(!follow(1.0).keeps(Some(&parent(TraceFlags::default(), true))));
        assert!(!follow(0.0).keeps(None));
    }

    #[test]
    fn what_is_below_a_span_of_ours_follows_it() {
        assert!(sampler(0.0, IncomingTraces::Join).keeps(Some(&parent(TraceFlags::SAMPLED, false))));
        assert!(!sampler(1.0, IncomingTraces::Join).keeps(Some(&parent(TraceFlags::default(), false))));
    }
}
