//! Accepting connections, and what to do when the kernel has none to give.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// How long nothing is accepted after the first failure, and after many.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A socket that connections are accepted from.
pub trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection, and returns it with the address it came from, if it has one.
    fn accept_next(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<SocketAddr>)>> + Send;

    /// Tells a peer for whom there is no place that there is none, without waiting for it.
    fn refuse(stream: Self::Stream, answer: &[u8]);
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept_next(&self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, address) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, Some(address)))
    }

    fn refuse(stream: TcpStream, answer: &[u8]) {
        // What it has sent already is taken in, because closing with unread bytes would take the answer from it.
        let _ = stream.try_write(answer);
        let _ = stream.try_read(&mut [0; 4096]);
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept_next(&self) -> io::Result<(UnixStream, Option<SocketAddr>)> {
        Ok((self.accept().await?.0, None))
    }

    fn refuse(stream: UnixStream, answer: &[u8]) {
        let _ = stream.try_write(answer);
        let _ = stream.try_read(&mut [0; 4096]);
    }
}

/// Whether an error of accepting is about the one connection, and not about the listener or the process.
pub(super) fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected | BrokenPipe | InvalidInput
    )
}

/// How long is waited after failures that are not the peer's, such as having no descriptors.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) const fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// Whether this is the first failure since one succeeded, and how long to wait.
    pub(super) fn next(&mut self) -> (bool, Duration) {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        (pause == FIRST_PAUSE, pause)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}
