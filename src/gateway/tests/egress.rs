//! Hosts a sandbox is granted: what goes through, how long, and what is written down of it.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::far_host::{FarHost, HOST, connected, events, rest};
use super::wire::hello;
use crate::config::EgressConfig;

/// What an event says, without how many bytes and how long.
fn brief(event: &Value) -> Value {
    json!([event["host"], event["port"], event["allowed"], event["reason"], event["count"]])
}

#[tokio::test]
async fn bytes_go_both_ways_to_a_granted_host_and_are_counted() {
    let far = FarHost::new().await;
    let house = far.granted(&FarHost::settings(&[])).await;
    let (mut sandbox, mut host) = far.reached_by(&house).await;
    sandbox.write_all(&vec![7; 100_000]).await.unwrap();
    sandbox.shutdown().await.unwrap();
    let mut heard = Vec::new();
    host.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, vec![7; 100_000]);
    host.write_all(b"thanks").await.unwrap();
    host.shutdown().await.unwrap();
    let mut heard = String::new();
    sandbox.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "thanks");
    drop((sandbox, host));

    let event = events(&house, 1).await.remove(0);
    assert_eq!(brief(&event), json!([HOST, far.port, true, "closed", 1]));
    assert!(event["sent_bytes"].as_u64().unwrap() > 100_000, "{event}");
    assert!((7..100_000).contains(&event["received_bytes"].as_u64().unwrap()), "{event}");
    assert!(event["duration_ms"].is_u64());
}

#[tokio::test]
async fn a_sandbox_that_is_gone_reaches_nothing_any_more() {
    let far = FarHost::new().await;
    let house = far.granted(&FarHost::settings(&[])).await;
    let (mut sandbox, mut host) = far.reached_by(&house).await;
    house.closed.cancel();
    let mut piece = [0];
    assert!(matches!(host.read(&mut piece).await, Ok(0) | Err(_)));
    assert!(matches!(sandbox.read(&mut piece).await, Ok(0) | Err(_)));
    assert_eq!(brief(&events(&house, 1).await[0]), json!([HOST, far.port, true, "ending", 1]));
}

#[tokio::test]
async fn all_connections_of_a_sandbox_share_its_bytes() {
    let far = FarHost::new().await;
    let house = far.granted(&EgressConfig { max_bytes: 200_000, ..FarHost::settings(&[]) }).await;
    let (mut sandbox, mut host) = far.reached_by(&house).await;
    sandbox.write_all(&vec![1; 90_000]).await.unwrap();
    host.read_exact(&mut vec![0; 90_000]).await.unwrap();
    drop((sandbox, host));
    assert_eq!(brief(&events(&house, 1).await[0])[2], true);
    let (mut sandbox, mut host) = far.reached_by(&house).await;
    let answering = async {
        // What is too much is cut off, at one end or the other.
        let _ = host.write_all(&vec![2; 200_000]).await;
        let _ = host.shutdown().await;
    };
    let mut heard = Vec::new();
    let reading = async { sandbox.read_to_end(&mut heard).await };
    let ((), ended) = tokio::join!(answering, reading);
    assert!(ended.is_err(), "TLS was ended as if it were whole");
    assert!(heard.len() < 110_000, "{} bytes came", heard.len());
    let (_, answer) = super::far_host::ask_for(&house, &far.name()).await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("all it may"), "{answer}");
    let events = events(&house, 3).await;
    assert_eq!((brief(&events[1])[2].clone(), brief(&events[1])[3].clone()), (json!(true), json!("bytes_used_up")));
    assert_eq!((brief(&events[2])[2].clone(), brief(&events[2])[3].clone()), (json!(false), json!("bytes_used_up")));
}

#[tokio::test]
async fn a_connection_ends_when_it_is_idle_or_has_lasted_too_long() {
    let far = FarHost::new().await;
    let idle = EgressConfig { idle_timeout_ms: 30, ..FarHost::settings(&[]) };
    let long = EgressConfig { connection_timeout_ms: 30, ..FarHost::settings(&[]) };
    for (settings, reason) in [(idle, "idle_timeout"), (long, "connection_timeout")] {
        let house = far.granted(&settings).await;
        let mut tunnel = connected(&house, &far.name()).await;
        let mut host = far.accept().await;
        tunnel.write_all(&far.hello_to(HOST, true)).await.unwrap();
        assert!(rest(&mut tunnel).await.is_empty());
        let mut heard = Vec::new();
        host.read_to_end(&mut heard).await.unwrap();
        let event = events(&house, 1).await.remove(0);
        assert_eq!(brief(&event), json!([HOST, far.port, true, reason, 1]));
        assert_eq!(event["sent_bytes"], heard.len());
    }
}

#[tokio::test]
async fn a_sandbox_has_so_many_connections_and_its_model_beside_them() {
    let far = FarHost::new().await;
    let house = far.granted(&EgressConfig { max_connections: 2, ..FarHost::settings(&[]) }).await;
    let (first, host) = far.reached_by(&house).await;
    let _second = connected(&house, &far.name()).await;
    let (_, answer) = super::far_host::ask_for(&house, &far.name()).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("all the connections it may"), "{answer}");
    assert_eq!(house.told(&hello()).await.status, 200);
    drop((first, host));
    assert_eq!(events(&house, 2).await.len(), 2);
    connected(&house, &far.name()).await;
}

#[tokio::test]
async fn the_model_is_called_as_ever_beside_egress() {
    let far = FarHost::new().await;
    let house = far.granted(&FarHost::settings(&[])).await;
    let (mut sandbox, mut host) = far.reached_by(&house).await;
    assert_eq!(house.told(&hello()).await.status, 200);
    sandbox.write_all(b"still here").await.unwrap();
    host.read_exact(&mut [0; 10]).await.unwrap();
    assert_eq!(house.settled().await.status, "exact");
}
