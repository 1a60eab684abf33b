//! The meter: reads a copy of an answer as it passes, whatever it turns out to be, and says what the call is to be charged.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::bill::Bill;
use super::decode::Decoder;
use super::form::{Form, form_of};
use super::reading::{End, Reading};
use super::sse::SseParser;
use crate::domain::EstimateReason;
use crate::gateway::price::PriceTable;
use crate::gateway::price_modifiers::Modifiers;

/// The longest document that is read, and the most that a compressed answer may expand to.
const MAX_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// What bounds a report: what was asked for.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Expected {
    /// The model, by its name in the price table.
    pub(in crate::gateway) model: String,
    /// The longest answer that the model was asked for, in tokens.
    pub(in crate::gateway) max_tokens: u64,
    /// How many steps the call may take.
    pub(in crate::gateway) steps: u64,
    /// What changes the price, as it was asked for.
    pub(in crate::gateway) modifiers: Modifiers,
}

/// What was read of an answer so far.
#[derive(Debug)]
pub(in crate::gateway) struct Meter {
    expected: Expected,
    prices: Arc<PriceTable>,
    status: Option<StatusCode>,
    is_called_stream: bool,
    decoder: Decoder,
    form: Option<Form>,
    /// The beginning while the form is open, and then a document.
    text: Vec<u8>,
    /// How much text the answer is.
    length: usize,
    parser: SseParser,
    reading: Reading,
    /// Part of the answer was not read.
    is_lost: Option<EstimateReason>,
    /// Somebody has asked for the input.
    input_taken: bool,
}

impl Meter {
    /// A meter for a call that asks for what is `expected`, at `prices`.
    pub(in crate::gateway) fn new(expected: Expected, prices: Arc<PriceTable>) -> Self {
        Self {
            expected,
            prices,
            status: None,
            is_called_stream: false,
            decoder: Decoder::new(&HeaderMap::new()),
            form: None,
            text: Vec::new(),
            length: 0,
            parser: SseParser::default(),
            reading: Reading::default(),
            is_lost: None,
            input_taken: false,
        }
    }

    /// Reads the head of the answer.
    pub(in crate::gateway) fn begin(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes()).trim_ascii_start();
        self.is_called_stream = kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"));
        self.decoder = Decoder::new(headers);
    }

    /// Reads the next piece of the answer.
    pub(in crate::gateway) fn read(&mut self, piece: &[u8]) {
        if self.is_lost.is_some() {
            return;
        }
        let Self { decoder, form, text, length, parser, reading, is_lost, is_called_stream, .. } = self;
        let is_read = decoder.decode(piece, |more| {
            *length += more.len();
            let was_compressed = more.as_ptr() != piece.as_ptr();
            if *length > MAX_TEXT_BYTES && (was_compressed || *form != Some(Form::Stream)) {
                *is_lost = Some(EstimateReason::TooLong);
                return false;
            }
            match form {
                Some(Form::Stream) => parser.read(more, |event| reading.event(event)),
                Some(Form::Document) => text.extend_from_slice(more),
                None => {
                    text.extend_from_slice(more);
                    *form = form_of(text, *is_called_stream);
                    if *form == Some(Form::Stream) {
                        parser.read(&std::mem::take(text), |event| reading.event(event));
                    }
                }
            }
            true
        });
        if !is_read {
            is_lost.get_or_insert(EstimateReason::Unreadable);
        }
    }

    /// What the answer is; `None` while too little of it has come.
    pub(in crate::gateway) fn form(&self) -> Option<Form> {
        // What cannot be read is passed on like what it is said to be.
        match self.is_lost {
            Some(_) if self.is_called_stream => Some(Form::Stream),
            Some(_) => self.form.or(Some(Form::Document)),
            None => self.form,
        }
    }

    /// Whether the answer calls itself a stream.
    pub(in crate::gateway) fn is_called_stream(&self) -> bool {
        self.is_called_stream
    }

    /// Whether more of it than is read has come.
    pub(in crate::gateway) fn is_too_long(&self) -> bool {
        self.is_lost == Some(EstimateReason::TooLong)
    }

    /// Whether a stream's end was read: the caller must not see it before the call is settled.
    pub(in crate::gateway) fn is_over(&self) -> bool {
        self.reading.end.is_some()
    }

    /// The bill so far, once the input is known; only the first time that is asked.
    pub(in crate::gateway) fn take_known_input(&mut self) -> Option<Bill> {
        if self.input_taken || !self.reading.report.has_input() {
            return None;
        }
        self.input_taken = true;
        let bill = Bill::of(&self.reading, &self.expected, &self.prices, None);
        bill.known.input.then_some(bill)
    }

    /// The bill at the end of the answer, or where it broke off: `broken` says why then.
    pub(in crate::gateway) fn finish(&mut self, broken: Option<EstimateReason>) -> Bill {
        let is_whole = broken.is_none() && self.is_lost.is_none();
        if is_whole {
            let Self { form, text, parser, reading, .. } = self;
            match form {
                Some(Form::Stream) => parser.finish(|event| reading.last_event(event)),
                _ if text.trim_ascii().is_empty() => {}
                _ => reading.document(&std::mem::take(text)),
            }
        }
        let model = &self.expected.model;
        let says_nothing = !self.reading.has_begun && !self.reading.report.has_anything();
        let broken = broken.or(self.is_lost);
        match self.status {
            None => Bill::unknown(model, broken.unwrap_or(EstimateReason::Cut)),
            Some(_) if says_nothing && self.reading.end == Some(End::Error) => Bill::free(model),
            Some(status) if says_nothing && is_refusal(status) => Bill::free(model),
            Some(status) if says_nothing && !status.is_success() => {
                Bill::unknown(model, EstimateReason::UnconfirmedError)
            }
            Some(_) => {
                let mut bill = Bill::of(&self.reading, &self.expected, &self.prices, broken);
                if says_nothing && broken.is_none() && self.reading.doubt.is_none() {
                    bill.estimated = Some(EstimateReason::NoUsage);
                }
                bill
            }
        }
    }
}

/// Whether a status says that the model has not been asked, whoever answers it: the request is refused or sent elsewhere.
/// Other statuses of the server's (a gateway's 502 or 504 among them) and a timeout leave that open: only the model API's own
/// error, as a document, says it then.
fn is_refusal(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 499 => false,
        300..=499 | 501 | 503 | 505 | 529 => true,
        _ => false,
    }
}
