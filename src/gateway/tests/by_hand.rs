//! A model whose every answer a test gives by hand, piece by piece: for what the stand-in cannot do.

use std::future::pending;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::harness::House;
use super::wire::{MAX_TOKENS, hello, read_until};
use crate::lifecycle::Tasks;

/// How an answer begins that has taken 1000 tokens of input: 4 000 000 nano-dollars.
pub(super) const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\
    \"model\":\"claude-opus-5-5\",\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n";

/// The model says 15 bytes: at the least 8 tokens of output, 160 000 nano-dollars.
pub(super) const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
    \"delta\":{\"type\":\"text_delta\",\"text\":\"fifteen letters\"}}\n\n";

/// The last report: 50 tokens of output, 1 000 000 nano-dollars.
pub(super) const REPORT: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\
    \"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":50}}\n\n";

/// The end.
pub(super) const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// What an answer costs in nano-dollars that was read to its end.
pub(super) const WHOLE_COST: i64 = 5_000_000;

/// What is held in nano-dollars for an answer that was read until [`TEXT`]: its input, and all the output that may come.
pub(super) const HELD_COST: i64 = 4_000_000 + MAX_TOKENS * 20_000;

/// A model that waits for the test to answer.
pub(super) struct ByHand {
    /// Where it is served.
    pub(super) url: String,
    asked: mpsc::UnboundedReceiver<Exchange>,
}

/// A request that waits for its answer: for ever, when the test drops it.
pub(super) struct Exchange {
    /// The request.
    pub(super) request: Request,
    /// Where its answer goes.
    pub(super) answer: oneshot::Sender<Response>,
}

/// The body of an answer, which goes on for as long as the test holds this.
pub(super) struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl ByHand {
    /// Serves one.
    pub(super) async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ask, asked) = mpsc::unbounded_channel();
        let app = Router::new().fallback(async move |request: Request| {
            let (answer, answered) = oneshot::channel();
            ask.send(Exchange { request, answer }).map_err(|_| "the test is over").unwrap();
            match answered.await {
                Ok(answer) => answer,
                Err(_) => pending().await,
            }
        });
        Tasks::new().spawn("model by hand", async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked }
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Exchange {
        self.asked.recv().await.unwrap()
    }

    /// Lets the sandbox of `house` call, and answers with `response`.
    pub(super) async fn answer(&mut self, house: &House, response: Response) -> reqwest::Response {
        let asked = hello();
        let (answer, ()) = tokio::join!(house.call(&asked), async { self.next().await.answer(response) });
        answer
    }

    /// Lets the sandbox of `house` call and read until [`TEXT`]; the answer goes on.
    pub(super) async fn begin(&mut self, house: &House) -> (reqwest::Response, Pieces) {
        let (pieces, body) = Pieces::new();
        let mut answer = self.answer(house, event_stream(body)).await;
        pieces.say(START).await;
        pieces.say(TEXT).await;
        assert_eq!(read_until(&mut answer, TEXT).await, [START, TEXT].concat());
        (answer, pieces)
    }
}

impl Exchange {
    /// Answers the request.
    pub(super) fn answer(self, response: Response) {
        self.answer.send(response).map_err(|_| "the gateway has left").unwrap();
    }
}

impl Pieces {
    /// A body.
    pub(super) fn new() -> (Self, Body) {
        let (pieces, receiver) = mpsc::channel(1);
        let next = async |mut receiver: mpsc::Receiver<_>| Some((receiver.recv().await?, receiver));
        (Self(pieces), Body::from_stream(stream::unfold(receiver, next)))
    }

    /// Sends `piece`.
    pub(super) async fn say(&self, piece: impl Into<Bytes>) {
        assert!(self.try_say(piece).await, "the gateway has hung up");
    }

    /// Sends `piece`, and answers whether the gateway is still there to hear it.
    pub(super) async fn try_say(&self, piece: impl Into<Bytes>) -> bool {
        self.0.send(Ok(piece.into())).await.is_ok()
    }

    /// Breaks the connection.
    pub(super) async fn cut(self) {
        self.0.send(Err(io::ErrorKind::ConnectionAborted.into())).await.unwrap();
    }

    /// Returns when the gateway has hung up.
    pub(super) async fn heard_hanging_up(&self) {
        self.0.closed().await;
    }

    /// Sends comments until nobody takes them any more, because the caller does not read.
    pub(super) async fn say_until_stuck(&self) {
        let comment = ":".repeat(64 * 1024) + "\n";
        let mut looks = 0;
        while looks < 1_000 {
            if self.0.capacity() > 0 {
                looks = 0;
                self.say(comment.clone()).await;
            }
            looks += 1;
            tokio::task::yield_now().await;
        }
    }
}

/// A streamed answer of the model.
pub(super) fn event_stream(body: impl Into<Body>) -> Response {
    Response::builder().header("content-type", "text/event-stream; charset=utf-8").body(body.into()).unwrap()
}

/// An answer of the model that is one document.
pub(super) fn document(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header("content-type", "application/json").body(body.into()).unwrap()
}
