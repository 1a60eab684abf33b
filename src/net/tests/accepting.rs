//! Accepting when the kernel has no descriptors to give, and both versions of HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{Served, limits, read_all, router};
use crate::lifecycle::Tasks;
use crate::net::{Accept, Listener, Pool};

/// A socket that cannot accept for a while.
struct Exhausted {
    socket: TcpListener,
    failures: AtomicUsize,
}

impl Accept for Exhausted {
    type Stream = TcpStream;

    async fn accept_next(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let failed = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match failed {
            Ok(left) => Err(if left % 2 == 0 { Errno::MFILE.into() } else { Errno::CONNABORTED.into() }),
            Err(_) => self.socket.accept_next().await,
        }
    }

    fn refuse(stream: TcpStream, answer: &[u8]) {
        TcpListener::refuse(stream, answer);
    }
}

#[tokio::test(start_paused = true)]
async fn listener_outlives_a_lack_of_descriptors() {
    let (tasks, socket) = (Tasks::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        name: "test",
        limits: limits(),
        pool: Pool::new(10),
        max_per_address: None,
        shared_addresses: Vec::new(),
        shares: Vec::new(),
        memory: None,
        tasks: tasks.clone(),
    };
    let exhausted = Exhausted { socket, failures: AtomicUsize::new(50) };
    tasks.spawn("listener", listener.serve(exhausted, router(), CancellationToken::new()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(read_all(&mut stream).await.unwrap().ends_with("here"));
    tasks.stop().await;
}

#[tokio::test]
async fn second_version_of_http_is_spoken_too() {
    let served = Served::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let url = |path: &str| format!("http://{}{path}", served.address);
    for _ in 0..3 {
        let answer = client.get(url("/")).send().await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 200));
        let answer = client.post(url("/read")).body(vec![b'x'; 300_000]).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "300000");
        let answer = client.post(url("/refused")).body(vec![b'x'; 300_000]).send().await.unwrap();
        assert_eq!(answer.status(), 401);
    }
}

#[tokio::test]
async fn request_under_way_is_finished_when_the_listener_closes() {
    let (tasks, closing) = (Tasks::new(), CancellationToken::new());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        name: "test",
        limits: limits(),
        pool: Pool::new(10),
        max_per_address: None,
        shared_addresses: Vec::new(),
        shares: Vec::new(),
        memory: None,
        tasks: tasks.clone(),
    };
    tasks.spawn("listener", listener.serve(socket, router(), closing.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"POST /read HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .await
        .unwrap();
    assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
    closing.cancel();
    stream.write_all(b"abc").await.unwrap();
    assert!(read_all(&mut stream).await.unwrap().ends_with('3'));
    tasks.stop().await;
}
