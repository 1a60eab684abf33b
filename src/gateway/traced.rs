//! A model call in its trace, in the words OpenTelemetry has for calls of models (`gen_ai.*`), and with what it cost.

use super::patience::GaveUp;
use crate::domain::{Ask, Usage};
use crate::sandbox::Caller;
use crate::store::Settlement;
use crate::telemetry::{self, Kind, Span};

/// Begins the span of a call to `model`.
pub(super) fn begin(caller: &Caller, model: &str, ask: &Ask) -> Span {
    let attributes = [
        ("tenant", caller.tenant.to_string().into()),
        ("session", caller.session.to_string().into()),
        ("turn", caller.turn.to_string().into()),
        ("gen_ai.operation.name", "chat".into()),
        ("gen_ai.provider.name", "anthropic".into()),
        ("gen_ai.request.model", model.to_owned().into()),
        ("gen_ai.request.max_tokens", count(ask.max_tokens).into()),
    ];
    Span::begin(Kind::Client, format!("chat {model}"), &caller.trace, attributes)
}

/// Notes what the present call came to. OpenTelemetry counts what was read from the cache or written to it as input.
pub(super) fn settled(Settlement { model, usage, cost, estimated, .. }: &Settlement) {
    let Usage { output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, .. } = *usage;
    telemetry::set("gen_ai.response.model", model.clone());
    telemetry::set("gen_ai.usage.input_tokens", count(usage.prompt_tokens()));
    telemetry::set("gen_ai.usage.output_tokens", count(output_tokens));
    telemetry::set("gen_ai.usage.cache_read.input_tokens", count(cache_read_tokens));
    let written = cache_write_5m_tokens.saturating_add(cache_write_1h_tokens);
    telemetry::set("gen_ai.usage.cache_write.input_tokens", count(written));
    telemetry::set("cost_usd", cost.to_string());
    telemetry::set("exact", estimated.is_none());
    if let Some(reason) = estimated {
        telemetry::set("estimate_reason", reason.as_str());
    }
}

/// Notes what the model API answered the present call.
pub(super) fn answered(status: http::StatusCode) {
    telemetry::event("the answer begins");
    telemetry::set("http.response.status_code", i64::from(status.as_u16()));
    if !status.is_success() {
        telemetry::fail(status.as_str().to_owned());
    }
}

/// Notes why the present call's answer was not waited for to its end.
pub(super) fn gave_up(why: GaveUp) {
    telemetry::fail(match why {
        GaveUp::Silent => "timeout",
        GaveUp::Unheard | GaveUp::Crowded => "caller_gone",
        GaveUp::Stopping => "stopping",
    });
}

fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
