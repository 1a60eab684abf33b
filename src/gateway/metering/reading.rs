//! Reads events and documents of the model API for what they say of a call's cost. Everything else is passed over.

use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::report::Report;
use super::sse::Event;
use crate::domain::EstimateReason;

/// Bytes of a cut event in which its type is looked for.
const TYPE_WITHIN: usize = 512;

/// What an event that carries content says of its type.
const CONTENT: &[u8] = b"\"content_block";

/// What is known of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The model that answers, as the answer names it.
    pub(super) model: Option<String>,
    /// All reports so far.
    pub(super) report: Report,
    /// Text of the answer that was seen, in bytes.
    pub(super) visible_bytes: u64,
    /// The answer has begun to be one.
    pub(super) has_begun: bool,
    /// The last report of a stream, or the document's, has the output.
    pub(super) has_final_output: bool,
    /// The model gave its reason to stop, so that the report is the last one.
    pub(super) has_stopped: bool,
    /// Why not all of it can be trusted: something that may have held a report could not be read, or contradicts the rest.
    pub(super) doubt: Option<EstimateReason>,
    /// How the answer ended, when it did.
    pub(super) end: Option<End>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Complete,
    /// With an error of the model API's.
    Error,
}

/// The fields of an event, and of a document, that are read. Each is text, so that an odd one hides no other, and depth in
/// what is passed over has no limit.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Content: what is said, thought, or given to a tool; the mark that another model took over; and why the model stopped.
#[derive(Default, Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Successor {
    model: String,
}

impl Reading {
    /// Reads an event of a stream. What comes after the end is not read: it is not waited for either.
    pub(super) fn event(&mut self, event: Event<'_>) {
        if self.end.is_some() {
            return;
        }
        if event.is_cut {
            // A block of content may be as long as it likes. Anything else of this length is no report that can be trusted.
            let start = &event.data[..event.data.len().min(TYPE_WITHIN)];
            let is_content =
                event.name.starts_with(b"content_block") || start.windows(CONTENT.len()).any(|text| text == CONTENT);
            if !is_content {
                self.doubt = Some(EstimateReason::Unreadable);
            }
            return;
        }
        let fields: Fields<'_> = match serde_json::from_slice(event.data) {
            Ok(fields) => fields,
            Err(error) => return self.unreadable(event.name, &error),
        };
        let kind = text(fields.kind).unwrap_or_else(|| String::from_utf8_lossy(event.name).into_owned());
        match kind.as_str() {
            "message_start" => self.start(&fields),
            "content_block_start" | "content_block_delta" => {
                let content: Content<'_> = lenient(fields.content_block.or(fields.delta));
                if let Some(to) = content.to
                    && let Ok(Successor { model }) = serde_json::from_str(to.get())
                {
                    self.model = Some(model);
                }
                self.visible_bytes = self.visible_bytes.saturating_add(content.bytes());
            }
            "message_delta" => self.delta(&fields),
            "message_stop" => self.end = Some(End::Complete),
            "error" => self.end = Some(End::Error),
            // A report is one wherever it stands, as a counter can only rise by it.
            _ => self.usage(fields.usage),
        }
    }

    /// Reads what a stream ended with that has no blank line after it: an event, if it is whole.
    pub(super) fn last_event(&mut self, event: Event<'_>) {
        if !event.is_cut && serde_json::from_slice::<serde::de::IgnoredAny>(event.data).is_ok() {
            self.event(event);
        }
    }

    /// Reads a whole document.
    pub(super) fn document(&mut self, body: &[u8]) {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let Ok(fields) = serde_json::from_slice::<Fields<'_>>(body) else {
            self.doubt = Some(EstimateReason::Unreadable);
            return;
        };
        self.model = text(fields.model);
        let is_error = fields.error.is_some() || text(fields.kind).as_deref() == Some("error");
        if fields.usage.is_none() && is_error {
            self.end = Some(End::Error);
            return;
        }
        self.usage(fields.usage);
        self.has_begun = fields.usage.is_some();
        self.has_final_output = self.report.has_output();
        let blocks: Vec<&RawValue> = lenient(fields.content);
        for block in blocks {
            let content: Content<'_> = lenient(Some(block));
            self.visible_bytes = self.visible_bytes.saturating_add(content.bytes());
        }
        self.end = Some(End::Complete);
    }

    fn start(&mut self, fields: &Fields<'_>) {
        // Of two answers in one stream it is not known what either used.
        if std::mem::replace(&mut self.has_begun, true) {
            self.doubt = Some(EstimateReason::Unreadable);
        }
        let message = fields.message.map(|message| serde_json::from_str::<Fields<'_>>(message.get()));
        match message {
            Some(Ok(message)) => {
                self.model = text(message.model).or(self.model.take());
                self.usage(message.usage);
            }
            Some(Err(_)) => self.doubt = Some(EstimateReason::Unreadable),
            None => {}
        }
        self.usage(fields.usage);
    }

    fn delta(&mut self, fields: &Fields<'_>) {
        let delta: Content<'_> = lenient(fields.delta);
        let stops = delta.stop_reason.is_some();
        self.has_stopped |= stops;
        match fields.usage {
            Some(usage) => {
                let report = Report::read(usage);
                self.has_final_output = report.has_output();
                self.report.update(report);
            }
            // What an earlier report says is not the last word then.
            None if stops => self.has_final_output = false,
            None => {}
        }
    }

    fn usage(&mut self, usage: Option<&RawValue>) {
        if let Some(usage) = usage {
            self.report.update(Report::read(usage));
        }
    }

    fn unreadable(&mut self, name: &[u8], error: &serde_json::Error) {
        // What is not JSON and has a name of its own is no event of the model API's.
        const REPORTS: [&[u8]; 5] = [b"", b"message_start", b"message_delta", b"message_stop", b"error"];
        if REPORTS.contains(&name) {
            // The error itself may repeat a piece of the answer.
            let (kind, line, column) = (error.classify(), error.line(), error.column());
            warn!(?kind, line, column, reason = %EstimateReason::Unreadable, "event of the model API cannot be read");
            self.doubt = Some(EstimateReason::Unreadable);
        }
    }
}

impl Content<'_> {
    /// How much text it is, in bytes.
    fn bytes(&self) -> u64 {
        let texts = [self.text, self.thinking, self.partial_json].into_iter().filter_map(text);
        let said: usize = texts.map(|text| text.len()).sum();
        let input = self.input.map_or(0, |input| input.get().len());
        // An empty input is what a block of a stream begins with.
        (said + if input > 2 { input } else { 0 }) as u64
    }
}

fn text(text: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(text?.get()).ok()
}

fn lenient<'a, T: Default + Deserialize<'a>>(text: Option<&'a RawValue>) -> T {
    text.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default()
}
