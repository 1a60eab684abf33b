//! What a sandbox may tell about its agent: where it is granted, in one form, and so much.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use http::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use prost::Message;
use tokio::net::TcpListener;

use super::harness::House;
use crate::config::{Config, TracesConfig};
use crate::domain::Rate;

const PROTOBUF: &str = "application/x-protobuf";

/// Settings that send telemetry to an endpoint that counts what it gets.
async fn endpoint() -> (TracesConfig, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config::load(None).unwrap().traces;
    config.otlp_endpoint = format!("http://{}/prefix/", listener.local_addr().unwrap());
    let received = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&received);
    let count = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    let router = Router::new().route("/prefix/v1/metrics", post(count));
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (config, received)
}

fn metrics() -> Vec<u8> {
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics::default()] }.encode_to_vec()
}

impl House {
    async fn tell(&self, path: &str, kind: &str, body: Vec<u8>) -> StatusCode {
        let request = self.request(Method::POST, path).header("content-type", kind).body(body);
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn what_is_granted_is_sent_on_and_what_is_not_is_not_there() {
    let (config, received) = endpoint().await;
    let house = House::telling(&config).await;
    assert_eq!(house.tell("/v1/metrics", PROTOBUF, metrics()).await, 200);
    assert_eq!(received.load(Ordering::SeqCst), 1);
    assert_eq!(house.tell("/v1/profiles", PROTOBUF, metrics()).await, 404);
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        assert_eq!(House::new().await.tell(path, PROTOBUF, metrics()).await, 404);
    }
    // It may be granted and have nowhere to go.
    let nowhere = House::telling(&Config::load(None).unwrap().traces).await;
    assert_eq!(nowhere.tell("/v1/metrics", PROTOBUF, metrics()).await, 404);
    let neighbour = house.neighbour().await;
    assert_eq!(neighbour.tell("/v1/metrics", PROTOBUF, metrics()).await, 404, "a grant is one tenant's");
    assert_eq!(received.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn it_comes_in_one_form_so_much_and_not_too_often() {
    let (mut config, received) = endpoint().await;
    config.agent_max_body_bytes = 1_000;
    config.agent_rate = Rate { per_minute: NonZeroU32::MIN, burst: NonZeroU32::new(4).unwrap() };
    let house = House::telling(&config).await;
    assert_eq!(house.tell("/v1/metrics", "application/json", b"{}".to_vec()).await, 415);
    assert_eq!(house.tell("/v1/metrics", PROTOBUF, vec![0xff; 9]).await, 400);
    assert_eq!(house.tell("/v1/metrics", PROTOBUF, vec![0; 1_001]).await, 413);
    assert_eq!(house.tell("/v1/logs", PROTOBUF, Vec::new()).await, 200, "nothing is nothing to send");
    assert_eq!(house.tell("/v1/metrics", PROTOBUF, metrics()).await, 429);
    assert_eq!(received.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endpoint_that_does_not_take_it_is_told_of_to_the_agent() {
    let (config, _) = endpoint().await;
    let house = House::telling(&config).await;
    let logs = opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest {
        resource_logs: vec![opentelemetry_proto::tonic::logs::v1::ResourceLogs::default()],
    };
    assert_eq!(house.tell("/v1/logs", PROTOBUF, logs.encode_to_vec()).await, 503);
}
