//! The variables that have an agent tell about itself by OpenTelemetry, where its tenant is granted that.

/// How often metrics are told, and everything else, in milliseconds. The agent tells the rest when it ends.
const METRICS_EVERY_MS: &str = "10000";
const OTHERS_EVERY_MS: &str = "5000";

/// What has the agent send to `endpoint`, as part of the trace at `traceparent`. What it may not tell (prompts, what tools were
/// given and answered, whole calls) is said too, so that no settings of a repository say otherwise.
pub fn telemetry_env(endpoint: &str, traceparent: Option<&str>) -> Vec<(String, String)> {
    let ours = [
        ("CLAUDE_CODE_ENABLE_TELEMETRY", "1"),
        ("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        // Each process counts from nothing, so that totals can be read as they are.
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_LOGS_EXPORT_INTERVAL", OTHERS_EVERY_MS),
        ("OTEL_LOG_RAW_API_BODIES", "0"),
        ("OTEL_LOG_TOOL_CONTENT", "0"),
        ("OTEL_LOG_TOOL_DETAILS", "0"),
        ("OTEL_LOG_USER_PROMPTS", "0"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_METRICS_INCLUDE_ACCOUNT_UUID", "false"),
        ("OTEL_METRICS_INCLUDE_SESSION_ID", "false"),
        ("OTEL_METRIC_EXPORT_INTERVAL", METRICS_EVERY_MS),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_TRACES_EXPORT_INTERVAL", OTHERS_EVERY_MS),
    ];
    let place = traceparent.map(|place| ("TRACEPARENT", place));
    ours.into_iter().chain(place).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::agent::refused_env;

    #[test]
    fn a_caller_can_set_none_of_it() {
        let ours: BTreeMap<_, _> = telemetry_env("http://127.0.0.1:3128", None).into_iter().collect();
        let refused: Vec<_> = refused_env(&ours).into_iter().map(|refused| refused.name).collect();
        assert_eq!(refused, ours.keys().cloned().collect::<Vec<_>>());
        assert_eq!(ours["OTEL_LOG_USER_PROMPTS"], "0");
    }
}
