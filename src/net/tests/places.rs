//! Bounds on connections and on the memory of bodies.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::advance;

use super::{Served, limits, read_all};
use crate::net::pool::Full;
use crate::net::state::State;
use crate::net::{BodyMemory, Pool, Share};

#[tokio::test]
async fn sockets_that_say_half_a_head_shut_nobody_out() {
    let served = Served::with(|listener| listener.pool = Pool::new(20)).await;
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = served.connect().await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost").await;
        open.push(stream);
        if open.len() % 10 == 0 {
            assert!(served.answers().await, "{} half heads shut a caller out", open.len());
        }
    }
    let mut first = open.swap_remove(0);
    assert_eq!(first.read(&mut [0; 16]).await.unwrap_or(0), 0, "the oldest did not make room");
}

#[tokio::test]
async fn address_with_its_share_of_requests_under_way_is_refused_the_next() {
    let served = Served::with(|listener| listener.max_per_address = Some(2)).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = served.connect().await;
        stream
            .write_all(b"POST /read HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
            .await
            .unwrap();
        // The handler asks for the body, so it is at work.
        assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
        busy.push(stream);
    }
    assert!(!served.answers().await);
    drop(busy);
    while !served.answers().await {}
}

#[tokio::test]
async fn addresses_that_are_shared_are_not_bounded() {
    let served = Served::with(|listener| {
        listener.max_per_address = Some(1);
        listener.shared_addresses = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut one = served.connect().await;
    one.write_all(b"POST /read HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
        .await
        .unwrap();
    assert!(one.read(&mut [0; 64]).await.unwrap() > 0);
    assert!(served.answers().await);
}

#[tokio::test]
async fn body_without_a_key_takes_no_memory() {
    let memory = BodyMemory::new(1 << 20, 1 << 20);
    let shared = Arc::clone(&memory);
    let served = Served::with(move |listener| listener.memory = Some(shared)).await;
    let mut open = Vec::new();
    for _ in 0..50 {
        let mut stream = served.connect().await;
        stream.write_all(b"POST /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 512]).await.unwrap() > 0);
        open.push(stream);
    }
    assert_eq!(memory.available(), memory.bytes());
    assert!(served.answers().await);
}

#[tokio::test]
async fn body_is_granted_memory_before_it_is_read_and_gives_it_back() {
    let memory = BodyMemory::new(1 << 20, 1 << 20);
    let shared = Arc::clone(&memory);
    let served = Served::with(move |listener| listener.memory = Some(shared)).await;
    let head = "POST /read HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 1048576\r\n\r\n";
    let mut one = served.connect().await;
    one.write_all(head.as_bytes()).await.unwrap();
    assert!(one.read(&mut [0; 64]).await.unwrap() > 0);
    assert_eq!(memory.available(), 0);
    let mut two = served.connect().await;
    two.write_all(head.as_bytes()).await.unwrap();
    assert!(two.read(&mut [0; 64]).now_or_never().is_none());
    for stream in [&mut one, &mut two] {
        stream.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        assert!(read_all(stream).await.unwrap().ends_with("1048576"));
    }
    while memory.available() != memory.bytes() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_owner_gets_no_more_than_its_share_of_the_memory() {
    let memory = BodyMemory::new(8 << 20, 1 << 20);
    let grant = |owner, bytes| Arc::clone(&memory).grant(owner, Some(bytes)).now_or_never().flatten();
    let held: Vec<_> = std::iter::from_fn(|| grant(1, 1 << 20)).take(100).collect();
    assert_eq!(held.len(), 2);
    let other: Vec<_> = std::iter::from_fn(|| grant(2, 1 << 20)).take(100).collect();
    assert_eq!(other.len(), 2);
    drop(held);
    assert!(grant(1, u64::MAX).is_some(), "a length beyond any bound is the largest");
    drop(other);
    assert_eq!(memory.available(), memory.bytes());
}

#[tokio::test(start_paused = true)]
async fn place_is_taken_from_whoever_waits_longest_and_never_from_a_request() {
    let pool = Pool::new(2);
    let none: Arc<[Share]> = Arc::default();
    let states: Vec<_> = (0..4).map(|_| State::new(limits())).collect();
    let busy = states[0].begin_request(false);
    let _first = pool.admit(&none, &states[0]).unwrap();
    let second = pool.admit(&none, &states[1]).unwrap();
    assert_eq!(pool.admit(&none, &states[2]).unwrap_err(), Full::Pool, "what has just begun makes no room");
    advance(Duration::from_secs(1)).await;
    let third = pool.admit(&none, &states[2]).unwrap();
    assert!(states[1].is_evicted() && !states[0].is_evicted());
    drop(second);
    assert_eq!(pool.taken(), 2, "a place was given back twice");
    let also_busy = states[2].begin_request(false);
    assert_eq!(pool.admit(&none, &states[3]).unwrap_err(), Full::Pool);
    drop(busy);
    advance(Duration::from_secs(1)).await;
    let _fourth = pool.admit(&none, &states[3]).unwrap();
    assert!(states[0].is_evicted());
    drop((third, also_busy));
}

#[tokio::test]
async fn share_is_bounded_apart_from_the_whole() {
    let pool = Pool::new(10);
    let share: Arc<[Share]> = Arc::new([Share { owner: 7, max: 1 }]);
    let (one, two) = (State::new(limits()), State::new(limits()));
    let busy = one.begin_request(false);
    let place = pool.admit(&share, &one).unwrap();
    assert_eq!(pool.admit(&share, &two).unwrap_err(), Full::Share);
    let other: Arc<[Share]> = Arc::new([Share { owner: 8, max: 1 }]);
    let _other = pool.admit(&other, &two).unwrap();
    drop((busy, place));
    let _again = pool.admit(&share, &State::new(limits())).unwrap();
}
