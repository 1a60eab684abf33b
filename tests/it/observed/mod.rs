//! What operators and finance see: a real Prometheus over a real server under a mixed load, and every expression of every
//! dashboard and alert asked of it.

mod load;
mod prometheus;

use innkeeper::metrics::{Kind, catalogue};

use crate::harness::eventually;
use load::Load;
use prometheus::Prometheus;

#[tokio::test]
async fn what_is_shown_is_there_and_true() {
    let load = Load::prepare().await;
    let prometheus = Prometheus::watch(&load.server.operator_url).await;
    load.run().await;
    eventually(async || prometheus.names().await.contains("innkeeper_drill_last_run_timestamp_seconds").then_some(()))
        .await;
    let lingering = load.linger().await;
    let all_are_measured = format!("count(innkeeper_live_session_memory_bytes) == {}", load::CAPACITY);
    eventually(async || (!prometheus.ask(&all_are_measured).await.unwrap().is_empty()).then_some(())).await;
    prometheus.next_look().await;

    let names = prometheus.names().await;
    let missing: Vec<_> = catalogue::families()
        .map(|family| match family.kind {
            Kind::Histogram => format!("{}_bucket", family.name),
            _ => family.name.to_owned(),
        })
        .filter(|name| !names.contains(name))
        .collect();
    assert!(missing.is_empty(), "the load has not brought about {missing:?}");
    drop(lingering);
}
