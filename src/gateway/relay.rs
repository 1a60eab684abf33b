//! Carries an answer to its caller: piece by piece as it comes, a copy to the meter, the end only when it is paid.

use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use tracing::warn;

use super::client::Client;
use super::forward::true_status;
use super::headers;
use super::hold::Hold;
use super::metering::{Bill, Form, Meter};
use super::patience::{GaveUp, Limits, Patience};
use super::reply::{self, Refusal};
use super::traced;
use super::watch::{self, Watch};
use crate::domain::EstimateReason;
use crate::sandbox::Activity;
use crate::telemetry;

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

    /// Takes the next piece of the answer.
    async fn read(&mut self, piece: &[u8]) {
        self.watch.piece();
        self.meter.read(piece);
        match self.meter.take_known_input() {
            Some(bill) => self.hold.shrink(&bill).await,
            None => self.hold.write_shrink().await,
        }
    }
}

/// An answer whose pieces the caller is not given yet.
struct Kept {
    /// Its head, until the caller has it.
    head: Option<(StatusCode, HeaderMap)>,
    /// Its pieces so far.
    pieces: Vec<Bytes>,
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

    /// Why the call's cost is an estimate then.
    fn reason(&self) -> EstimateReason {
        match self {
            Self::GaveUp(reason) => reason.estimate(true),
            Self::Cut(_) => EstimateReason::Cut,
            Self::TooLong => EstimateReason::TooLong,
        }
    }

    fn report(&self) {
        match self {
            Self::GaveUp(reason) => {
                traced::gave_up(*reason);
                warn!(?reason, "answer of the model API given up");
            }
            Self::Cut(error) => {
                telemetry::fail("cut");
                warn!(error = error as &dyn std::error::Error, "answer of the model API cut");
            }
            Self::TooLong => {
                telemetry::fail("too_long");
                warn!("answer of the model API too long to be taken whole");
            }
        }
    }

    fn refusal(&self, limits: &Limits) -> Refusal {
        match self {
            Self::GaveUp(GaveUp::Silent) => Refusal::no_answer(limits.idle),
            Self::GaveUp(_) => Refusal::ended(),
            Self::Cut(_) | Self::TooLong => Refusal::broken(),
        }
    }
}

impl Relay {
    /// Carries `answer` to the caller, and settles the call. What the bytes turn out to be decides how: a stream is passed on
    /// as it comes, anything else once it is whole.
    pub(super) async fn carry(mut self, mut answer: reqwest::Response, mut call: UnderWay) {
        self.activity.touch();
        call.watch.answered(true_status(&answer));
        traced::answered(true_status(&answer));
        call.meter.begin(answer.status(), answer.headers());
        let headers = headers::incoming(std::mem::take(answer.headers_mut()));
        let mut kept = Kept { head: Some((answer.status(), headers)), pieces: Vec::new() };
        if answer.status().is_success() && call.meter.is_called_stream() {
            kept.begin(&mut self.client);
        }
        let end = loop {
            match self.next(&mut answer).await {
                Ok(Some(piece)) => {
                    call.read(&piece).await;
                    if self.client.listens() {
                        kept.pieces.push(piece);
                    }
                    if call.meter.is_too_long() && call.meter.form() != Some(Form::Stream) {
                        break Err(Broken::TooLong);
                    }
                    if call.meter.form() == Some(Form::Stream) {
                        if call.meter.is_over() {
                            break Ok(());
                        }
                        kept.begin(&mut self.client);
                        kept.pass(&mut self.client).await;
                    }
                }
                Ok(None) => break Ok(()),
                Err(broken) => break Err(broken),
            }
        };
        if let Err(broken) = &end {
            broken.note();
            broken.report();
        }
        let bill = call.meter.finish(end.as_ref().err().map(Broken::reason));
        let goes_on = end.is_ok() && call.meter.is_over() && call.meter.form() == Some(Form::Stream);
        call.settle(bill).await;
        match end {
            Ok(()) => {
                kept.begin_whole(&mut self.client, goes_on);
                kept.pass(&mut self.client).await;
                if goes_on {
                    self.rest(&mut answer).await;
                }
                self.client.end().await;
            }
            Err(broken) if !self.client.has_begun() => {
                let refusal = broken.refusal(&self.limits);
                self.refuse(refusal);
            }
            Err(Broken::GaveUp(GaveUp::Silent)) => {
                self.client.pass(reply::idle_event(self.limits.idle)).await;
                self.client.end().await;
            }
            // The caller sees its answer cut.
            Err(_) => {}
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
        telemetry::fail(refusal.sort());
        self.client.answer(refusal.into_response());
    }

    /// Carries what comes after the end that was paid for: nothing, as a rule.
    async fn rest(&mut self, answer: &mut reqwest::Response) {
        while let Ok(Some(piece)) = self.next(answer).await {
            self.client.pass(piece).await;
        }
    }

    /// The next piece of the answer; `None` at its end.
    async fn next(&mut self, answer: &mut reqwest::Response) -> Result<Option<Bytes>, Broken> {
        let waited = self.patience.wait(&mut self.client, self.limits.idle, answer.chunk()).await;
        let piece = waited.map_err(Broken::GaveUp)?.map_err(|error| Broken::Cut(error.without_url()))?;
        self.activity.touch();
        Ok(piece)
    }
}

impl Kept {
    /// Gives the caller the head of an answer that follows in pieces, unless it has it.
    fn begin(&mut self, client: &mut Client) {
        if let Some((status, headers)) = self.head.take() {
            client.begin(status, headers);
        }
    }

    /// Gives the caller the head of an answer that is there whole, unless it `goes_on` or the caller has the head.
    fn begin_whole(&mut self, client: &mut Client, goes_on: bool) {
        let length: usize = self.pieces.iter().map(Bytes::len).sum();
        if let Some((status, headers)) = &mut self.head
            && !goes_on
            && !(status.is_informational() || matches!(status.as_u16(), 204 | 304))
        {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        self.begin(client);
    }

    async fn pass(&mut self, client: &mut Client) {
        for piece in self.pieces.drain(..) {
            client.pass(piece).await;
        }
    }
}
