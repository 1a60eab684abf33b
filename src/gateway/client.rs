//! The caller's side of a call: what it has been given so far, and whether it is still there.

use std::future::pending;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::StatusCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Pieces of an answer that may wait for a slow caller.
const PIECES_AHEAD: usize = 8;

/// The caller of one call.
#[derive(Debug)]
pub(super) struct Client {
    /// What it is waiting for.
    expects: Expects,
    /// How long it is still waited for while it does not read: all pieces of an answer together.
    reading: Duration,
    /// Cancelled when its sandbox is gone.
    closed: CancellationToken,
    /// Cancelled when the process ends.
    stopping: CancellationToken,
}

/// What a caller is waiting for.
#[derive(Debug)]
enum Expects {
    /// The answer, whole or its head.
    Answer(oneshot::Sender<Response>),
    /// The rest of a streamed answer.
    Pieces(mpsc::Sender<Piece>),
    /// Nothing: it has all, or was given up.
    Nothing,
    /// Nothing any more: it was not there to be given the next piece.
    Gone,
}

/// What a stream to the caller is made of. A stream without an end was cut, and the caller must see that.
#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// A streamed answer was cut.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut")]
struct Cut;

impl Client {
    /// A caller, and where it receives its answer.
    /// It is waited for `reading` in all while it does not read.
    pub(super) fn new(
        reading: Duration,
        closed: CancellationToken,
        stopping: CancellationToken,
    ) -> (Self, oneshot::Receiver<Response>) {
        let (answer, answered) = oneshot::channel();
        (Self { expects: Expects::Answer(answer), reading, closed, stopping }, answered)
    }

    /// Returns when the caller does not listen any more; never once it has all.
    pub(super) async fn gone(&mut self) {
        let left = async {
            match &mut self.expects {
                Expects::Answer(answer) => answer.closed().await,
                Expects::Pieces(pieces) => pieces.closed().await,
                Expects::Nothing => pending().await,
                Expects::Gone => {}
            }
        };
        tokio::select! {
            () = left => {}
            () = self.closed.cancelled() => {}
        }
    }

    /// Gives the caller its answer.
    pub(super) fn answer(&mut self, response: Response) {
        if let Expects::Answer(answer) = std::mem::replace(&mut self.expects, Expects::Nothing) {
            // A caller that has left misses its answer; what it cost is known.
            let _ = answer.send(response);
        }
    }

    /// Gives the caller the head of an answer that follows in pieces.
    pub(super) fn begin(&mut self, status: StatusCode, headers: HeaderMap) {
        let (pieces, receiver) = mpsc::channel(PIECES_AHEAD);
        let mut response = Response::new(body(receiver));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        self.answer(response);
        self.expects = Expects::Pieces(pieces);
    }

    /// Whether the caller has its answer, or the head of it.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.expects, Expects::Answer(_))
    }

    /// Whether the caller is given anything any more, as far as is known.
    pub(super) fn listens(&self) -> bool {
        matches!(self.expects, Expects::Answer(_) | Expects::Pieces(_))
    }

    /// Gives the caller the next piece, as soon as it can take it.
    pub(super) async fn pass(&mut self, bytes: Bytes) {
        self.send(Piece::Bytes(bytes)).await;
    }

    /// Tells the caller that it has all.
    pub(super) async fn end(&mut self) {
        self.send(Piece::End).await;
        self.expects = Expects::Nothing;
    }

    /// Gives the caller up: what it has of a streamed answer, it sees cut.
    pub(super) fn abandon(&mut self) {
        self.expects = Expects::Nothing;
    }

    async fn send(&mut self, piece: Piece) {
        let Expects::Pieces(pieces) = &self.expects else { return };
        let piece = match pieces.try_send(piece) {
            Ok(()) => return,
            Err(TrySendError::Closed(_)) => {
                self.expects = Expects::Gone;
                return;
            }
            Err(TrySendError::Full(piece)) => piece,
        };
        let began = Instant::now();
        let is_sent = tokio::select! {
            sent = pieces.send(piece) => sent.is_ok(),
            () = sleep(self.reading) => {
                info!("caller does not read its answer: it is treated as gone");
                false
            }
            () = self.closed.cancelled() => false,
            () = self.stopping.cancelled() => false,
        };
        self.reading = self.reading.saturating_sub(began.elapsed());
        if !is_sent {
            self.expects = Expects::Gone;
        }
    }
}

fn body(pieces: mpsc::Receiver<Piece>) -> Body {
    Body::from_stream(stream::unfold(Some(pieces), |pieces| async {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(pieces))),
            Some(Piece::End) => None,
            None => Some((Err(Cut), None)),
        }
    }))
}
