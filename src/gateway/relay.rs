//! Carries an answer to its caller: piece by piece as it comes, a copy to the meter, the end only when it is paid.

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use tracing::warn;

use super::client::Client;
use super::headers;
use super::hold::Hold;
use super::meter::{Bill, Meter};
use super::patience::{GaveUp, Limits, Patience};
use super::reply::{self, Refusal};
use super::traced;
use super::watch::{self, Watch};
use crate::sandbox::Activity;
use crate::telemetry;

/// The longest answer that is taken whole.
const MAX_WHOLE_BYTES: usize = 64 * 1024 * 1024;

/// A call's way back.
#[derive(Debug)]
pub(super) struct Relay {
    /// Who waits for the answer.
    pub(super) client: Client,
    /// How long it is waited for.
    pub(super) patience: Patience,
    /// Told of every piece.
    pub(super) activity: Activity,
    /// The bounds of waiting.
    pub(super) limits: Limits,
}

/// A call under way: what it holds, what it is charged, what is told of it.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// The money it holds.
    pub(super) hold: Hold,
    /// What reads its answer.
    pub(super) meter: Meter,
    /// What watches it for the metrics.
    pub(super) watch: Watch,
}

impl UnderWay {
    /// It is over, and charged `bill`.
    pub(super) async fn settle(self, bill: Bill) {
        self.watch.over(&bill, self.hold.prices());
        self.hold.settle(bill).await;
    }
}

/// Why an answer did not come to its end.
#[derive(Debug)]
enum Broken {
    /// It was given up here.
    GaveUp(GaveUp),
    /// It was cut upstream.
    Cut(reqwest::Error),
    /// It is longer than what is taken whole.
    TooLong,
}

impl Broken {
    /// Notes it for the metrics, as far as it is the model API's doing.
    fn note(&self) {
        match self {
            Self::GaveUp(reason) => watch::note_given_up(*reason),
            Self::Cut(error) => watch::note_failure(error),
            Self::TooLong => {}
        }
    }
}

impl Relay {
    /// Carries `answer` to the caller, and settles the call.
    pub(super) async fn carry(self, answer: reqwest::Response, mut call: UnderWay) {
        self.activity.touch();
        call.watch.answered(answer.status());
        traced::answered(answer.status());
        let kind = answer.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        if answer.status().is_success() && kind.starts_with(b"text/event-stream") {
            self.stream(answer, call).await;
        } else {
            self.whole(answer, call).await;
        }
    }

    /// Returns when nobody waits for the answer, before it began, or the process ends.
    pub(super) async fn left(&mut self) {
        tokio::select! {
            () = self.client.gone() => {}
            () = self.limits.stopped() => {}
        }
    }

    /// Answers the caller instead of the model.
    pub(super) fn refuse(mut self, refusal: Refusal) {
        use axum::response::IntoResponse;
        telemetry::fail(refusal.sort());
        self.client.answer(refusal.into_response());
    }

    async fn stream(mut self, mut answer: reqwest::Response, mut call: UnderWay) {
        self.client.begin(answer.status(), headers::incoming(std::mem::take(answer.headers_mut())));
        let last = loop {
            match self.next(&mut answer).await {
                Ok(Some(piece)) => {
                    call.watch.piece();
                    call.meter.read(&piece);
                    if let Some(input) = call.meter.take_known_input() {
                        call.hold.shrink(&input).await;
                    }
                    if call.meter.is_over() {
                        break Ok(Some(piece));
                    }
                    self.client.pass(piece).await;
                }
                end => break end,
            }
        };
        if let Err(broken) = &last {
            broken.note();
        }
        let bill = call.meter.bill();
        call.settle(bill).await;
        match last {
            Ok(Some(piece)) => {
                self.client.pass(piece).await;
                self.rest(answer).await;
            }
            Ok(None) => self.client.end().await,
            Err(Broken::GaveUp(GaveUp::Silent)) => {
                traced::gave_up(GaveUp::Silent);
                self.client.pass(reply::idle_event(self.limits.idle)).await;
                self.client.end().await;
            }
            Err(broken) => Self::report(&broken),
        }
    }

    /// Carries what comes after the end that was paid for: nothing, as a rule.
    async fn rest(mut self, mut answer: reqwest::Response) {
        while let Ok(Some(piece)) = self.next(&mut answer).await {
            self.client.pass(piece).await;
        }
        self.client.end().await;
    }

    async fn whole(mut self, mut answer: reqwest::Response, mut call: UnderWay) {
        let mut body = BytesMut::new();
        let end = self.take_all(&mut answer, &mut body).await;
        let bill = match &end {
            _ if !answer.status().is_success() => call.meter.nothing(true),
            Ok(()) => {
                call.watch.piece();
                call.meter.read_whole(&body);
                call.meter.bill()
            }
            Err(broken) => {
                broken.note();
                call.meter.read_fragment(&body);
                call.meter.bill()
            }
        };
        call.settle(bill).await;
        if let Err(broken) = end {
            Self::report(&broken);
            let refusal = match broken {
                Broken::GaveUp(GaveUp::Silent) => Refusal::no_answer(self.limits.idle),
                Broken::GaveUp(_) => Refusal::ended(),
                Broken::Cut(_) | Broken::TooLong => Refusal::broken(),
            };
            return self.refuse(refusal);
        }
        let mut response = Response::new(Body::from(body.freeze()));
        *response.status_mut() = answer.status();
        *response.headers_mut() = headers::incoming(std::mem::take(answer.headers_mut()));
        self.client.answer(response);
    }

    async fn take_all(&mut self, answer: &mut reqwest::Response, body: &mut BytesMut) -> Result<(), Broken> {
        while let Some(piece) = self.next(answer).await? {
            if body.len() + piece.len() > MAX_WHOLE_BYTES {
                return Err(Broken::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// The next piece of the answer; `None` at its end.
    async fn next(&mut self, answer: &mut reqwest::Response) -> Result<Option<Bytes>, Broken> {
        let waited = self.patience.wait(&mut self.client, self.limits.idle, answer.chunk()).await;
        let piece = waited.map_err(Broken::GaveUp)?.map_err(|error| Broken::Cut(error.without_url()))?;
        self.activity.touch();
        Ok(piece)
    }

    fn report(broken: &Broken) {
        match broken {
            Broken::GaveUp(reason) => {
                traced::gave_up(*reason);
                warn!(?reason, "an answer of the model was given up; the call is estimated");
            }
            Broken::Cut(error) => {
                telemetry::fail("cut");
                warn!(
                    error = error as &dyn std::error::Error,
                    "the model API cut its answer; what is not known of the call is estimated"
                );
            }
            Broken::TooLong => {
                telemetry::fail("too_long");
                warn!("an answer of the model is too long to be taken whole");
            }
        }
    }
}
