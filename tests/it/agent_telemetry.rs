//! What agents tell about themselves by OpenTelemetry: the real agent, and a tool that lies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Text;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::collector::{Attributes, Collector};
use crate::harness::{Server, bash, tool_results};

async fn traced(collector: &Collector) -> Server {
    Server::start_with(&[("traces.otlp_endpoint", &collector.url)]).await
}

fn is_the_agent_s(whose: &Attributes) -> bool {
    whose["service.name"] == "claude-code"
}

#[tokio::test]
async fn an_agent_tells_about_itself_as_part_of_its_turn() {
    let collector = Collector::start().await;
    let mut server = traced(&collector).await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "agent_telemetry=true"]).await;
    let status = tenant.run_freely(&bash("echo a-word-of-the-tenant")).await;
    server.end().await;
    let told = collector.told();
    let (session, tenant) = (status["session_id"].as_str().unwrap(), tenant.id.to_string());

    let metrics: Vec<_> = told.metrics.iter().map(|(name, _)| name.as_str()).collect();
    assert!(metrics.contains(&"claude_code.cost.usage") && metrics.contains(&"claude_code.token.usage"), "{metrics:?}");
    for (name, whose) in &told.metrics {
        assert_eq!((&whose["tenant"], &*whose["service.instance.id"]), (&tenant, session), "{name}");
    }
    let turn = collector.span("turn");
    let events: Vec<_> = told.logs.iter().map(|(record, _)| record["event.name"].as_str()).collect();
    assert!(events.contains(&"api_request") && events.contains(&"tool_result"), "{events:?}");
    for (_, whose) in &told.logs {
        assert_eq!((&whose["tenant"], &*whose["session"]), (&tenant, session));
        assert_eq!(whose["turn"], turn.attributes["turn"]);
    }
    let theirs: Vec<_> = told.spans.iter().filter(|span| is_the_agent_s(&span.resource)).collect();
    assert!(theirs.iter().all(|span| span.trace == turn.trace && span.resource["tenant"] == tenant));
    let whole = theirs.iter().find(|span| span.name == "claude_code.interaction").unwrap();
    assert_eq!(whole.parent, turn.id);
    assert!(theirs.iter().any(|span| span.name == "claude_code.tool"), "{theirs:?}");
    assert!(!told.raw.contains("a-word-of-the-tenant"), "a prompt is in the telemetry");
}

#[tokio::test]
async fn an_agent_without_the_grant_tells_nothing() {
    let collector = Collector::start().await;
    let mut server = traced(&collector).await;
    let tenant = server.tenant("acme").await;
    let knows = "env | grep -E -c '^(OTEL_|TRACEPARENT|CLAUDE_CODE_ENABLE_TELEMETRY)'; \
                 (exec 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null && echo a way || echo no way";
    let status = tenant.run_freely(&bash(knows)).await;
    assert_eq!(tool_results(&status), ["0\nno way"]);
    server.end().await;
    let told = collector.told();
    assert!(told.metrics.is_empty() && told.logs.is_empty());
    assert!(!told.spans.iter().any(|span| is_the_agent_s(&span.resource)));
}

#[tokio::test]
async fn a_tool_cannot_tell_anything_as_another_tenant() {
    let collector = Collector::start().await;
    let mut server = traced(&collector).await;
    let tenant = server.tenant("acme").await;
    server.command(&["limits", "set", "acme", "agent_telemetry=true"]).await;
    let body = STANDARD.encode(lie("tenant_of_others"));
    let lies = format!(
        "echo {body} | base64 -d > /tmp/lie; exec 3<>/dev/tcp/127.0.0.1/3128; \
         printf 'POST /v1/metrics HTTP/1.1\\r\\nhost: x\\r\\ncontent-type: application/x-protobuf\\r\\nconnection: close\\r\\n\
         content-length: %s\\r\\n\\r\\n' $(stat -c %s /tmp/lie) >&3; cat /tmp/lie >&3; head -c 15 <&3"
    );
    let status = tenant.run_freely(&bash(&lies)).await;
    assert_eq!(tool_results(&status), ["HTTP/1.1 200 OK"]);
    server.end().await;
    let told = collector.told();
    let (_, whose) = told.metrics.iter().find(|(name, _)| name == "a_lie").unwrap();
    assert_eq!((&whose["tenant"], &*whose["service.name"]), (&tenant.id.to_string(), "claude-code"));
    assert!(!told.raw.contains("tenant_of_others"), "a sandbox spoke as another tenant");
}

/// Metrics that claim to be another tenant's, and another service's.
fn lie(tenant: &str) -> Vec<u8> {
    let claim = |name: &str| KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(Text::StringValue(tenant.to_owned())) }),
        ..KeyValue::default()
    };
    let resource = Resource { attributes: vec![claim("tenant"), claim("service.name")], ..Resource::default() };
    let metrics = vec![Metric { name: "a_lie".to_owned(), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}
