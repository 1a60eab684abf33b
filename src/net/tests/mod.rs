//! Listeners before peers that do not behave, on real sockets.

mod accepting;
mod discarding;
mod places;
mod slowness;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{BodyMemory, Limits, Listener, Pool};
use crate::lifecycle::Tasks;

/// What is discarded of an unread body.
const DISCARDED: u64 = 8 << 20;

/// Deadlines that a test can tell apart.
pub(super) fn limits() -> Limits {
    Limits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        body: Duration::from_secs(20),
        min_body_bytes_per_second: 1_024,
        write: Duration::from_mins(1),
        discard_bytes: DISCARDED,
    }
}

/// A listener of its own for a test.
struct Served {
    address: SocketAddr,
    tasks: Tasks,
}

impl Served {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Listener)) -> Self {
        let tasks = Tasks::new();
        let mut listener = Listener {
            name: "test",
            limits: limits(),
            pool: Pool::new(1_000),
            max_per_address: None,
            shared_addresses: Vec::new(),
            shares: Vec::new(),
            memory: Some(BodyMemory::new(64 << 20, 8 << 20)),
            tasks: tasks.clone(),
        };
        change(&mut listener);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tasks.spawn("listener", listener.serve(socket, router(), CancellationToken::new()));
        Self { address, tasks }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Whether a well-behaved request is answered.
    async fn answers(&self) -> bool {
        let mut stream = self.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        read_all(&mut stream).await.is_ok_and(|text| text.starts_with("HTTP/1.1 200"))
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(async || "here"))
        .route("/refused", post(async || (StatusCode::UNAUTHORIZED, "no key")))
        .route("/read", post(read))
        .route("/large", get(async || vec![b'x'; 64 << 20]))
        .route("/panic", get(panic))
}

async fn panic() -> StatusCode {
    panic!("on purpose")
}

async fn read(request: Request) -> Result<String, StatusCode> {
    let body = request.into_body().collect().await.map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(body.to_bytes().len().to_string())
}

async fn read_all(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.map(|_| text)
}
