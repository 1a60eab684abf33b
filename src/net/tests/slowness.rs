//! Peers that are slow, on a clock that the test moves.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::{Served, read_all};

/// Seconds until the server closes a connection on which it was sent `bytes`, and what it answered.
async fn closed_after(served: &Served, bytes: &[u8]) -> (u64, String) {
    let mut stream = served.connect().await;
    stream.write_all(bytes).await.unwrap();
    let began = Instant::now();
    let text = read_all(&mut stream).await.unwrap_or_default();
    (began.elapsed().as_secs(), text)
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_closed_at_its_deadline() {
    let served = Served::start().await;
    for said in
        ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: x\r\nx-a: ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let (seconds, _) = closed_after(&served, said.as_bytes()).await;
        assert!((10..=11).contains(&seconds), "{said:?}: {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn head_that_arrives_byte_by_byte_gets_no_more_time() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    let began = Instant::now();
    while stream.write_all(b"G").await.is_ok() && began.elapsed() < Duration::from_mins(5) {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn idle_connection_has_a_longer_deadline_and_the_next_head_a_short_one() {
    let served = Served::start().await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let (seconds, text) = closed_after(&served, request.as_bytes()).await;
    assert!(text.ends_with("here") && (75..=76).contains(&seconds), "{seconds} s: {text}");
    let mut stream = served.connect().await;
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 512];
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        sleep(Duration::from_mins(1)).await;
    }
    stream.write_all(b"GET").await.unwrap();
    let began = Instant::now();
    let _ = read_all(&mut stream).await;
    assert!((10..=11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn body_that_stops_is_answered_with_408() {
    let served = Served::start().await;
    let head = "POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc";
    let (seconds, text) = closed_after(&served, head.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 408") && (20..=45).contains(&seconds), "{seconds} s: {text}");
}

#[tokio::test(start_paused = true)]
async fn body_below_the_minimum_rate_is_cut_off() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n").await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let began = Instant::now();
    let dripping = async {
        while writer.write_all(b"drip").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    };
    let mut answer = [0; 64];
    tokio::select! {
        () = dripping => panic!("the connection was closed without an answer"),
        read = reader.read(&mut answer) => { read.unwrap(); }
    }
    assert!(answer.starts_with(b"HTTP/1.1 408") && began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn body_at_the_minimum_rate_is_read_to_its_end() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream
        .write_all(b"POST /read HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 204800\r\n\r\n")
        .await
        .unwrap();
    for _ in 0..100 {
        stream.write_all(&[b'x'; 2_048]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    let text = read_all(&mut stream).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("204800"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn peer_that_does_not_read_loses_its_connection() {
    let served = Served::start().await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_secs(62)).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(bytes.len() < 64 << 20, "all of it came");
}
