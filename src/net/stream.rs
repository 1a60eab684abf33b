//! A connection's stream: tells its state what arrives and what cannot be sent, and comes back when HTTP is done with it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pool::Place;
use super::state::State;

/// A stream under the deadlines of its connection.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: Option<S>,
    place: Option<Place>,
    state: Arc<State>,
    returned: Returned<S>,
    is_at_end: bool,
}

/// Where a stream is put when HTTP is done with it, unless it was handed over to a handler that keeps it.
#[derive(Debug)]
pub(super) struct Returned<S>(Arc<Mutex<Option<(S, Place)>>>);

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, place: Place, state: Arc<State>) -> (Self, Returned<S>) {
        let returned = Returned(Arc::default());
        let handle = Returned(Arc::clone(&returned.0));
        (Self { stream: Some(stream), place: Some(place), state, returned, is_at_end: false }, handle)
    }

    fn stream(&mut self) -> io::Result<&mut S> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S> Returned<S> {
    /// The stream and its place, if it came back and its peer may still be sending.
    pub(super) fn take(&self) -> Option<(S, Place)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<S> Drop for Guarded<S> {
    fn drop(&mut self) {
        let stream = self.stream.take().zip(self.place.take());
        if !self.is_at_end {
            *self.returned.0.lock().unwrap_or_else(PoisonError::into_inner) = stream;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(self.stream()?).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.state.note_read();
        } else if buffer.remaining() > 0 {
            self.is_at_end = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.state.note_write(written.is_pending());
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream()?).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream()?).poll_write_vectored(cx, bytes);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_shutdown(cx)
    }
}
