//! The meter: reads a copy of an answer as it passes, and says what the call is to be charged.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use super::estimate;
use super::report::Report;
use super::sse::SseParser;
use crate::domain::Usage;

/// What a call is to be charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bill {
    /// The model that answered.
    pub(super) model: String,
    /// What was used, in parts by model: a part may be another model's work.
    pub(super) parts: Vec<(String, Usage)>,
    /// Whether the provider told all of it; otherwise a part is estimated.
    pub(super) exact: bool,
}

/// What was read of an answer so far.
#[derive(Debug)]
pub(super) struct Meter {
    parser: SseParser,
    reading: Reading,
}

#[derive(Debug)]
struct Reading {
    /// How large the request was: all that is known of the input until the provider tells it.
    request_bytes: u64,
    /// The model that answers; the one asked for until the answer names it.
    model: String,
    report: Report,
    /// Text of the answer that was seen, in bytes.
    visible_bytes: u64,
    /// What the report tells.
    known: Known,
    /// Whether somebody has asked for the input.
    input_taken: bool,
    /// The model gave its reason to stop, so that the report is the last one.
    stopped: bool,
    /// Something that may have held a report could not be read.
    garbled: bool,
    /// How the answer ended, when it did.
    end: Option<End>,
}

/// How much of a call's usage the provider has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Nothing,
    Input,
    InputAndOutput,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Error,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct MessageStart {
    message: Message,
}

/// The head of a streamed answer, and a whole one.
#[derive(Deserialize)]
struct Message {
    model: Option<String>,
    usage: Option<Report>,
}

#[derive(Deserialize)]
struct BlockStart {
    content_block: Block,
}

/// A block of content, of which only one sort matters: the one that says that another model took over.
#[derive(Deserialize)]
struct Block {
    to: Option<Successor>,
}

#[derive(Deserialize)]
struct Successor {
    model: String,
}

#[derive(Deserialize)]
struct BlockDelta {
    delta: Delta,
}

/// Text of an answer: what is said, thought, or given to a tool.
#[derive(Deserialize)]
struct Delta {
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
}

#[derive(Deserialize)]
struct MessageDelta {
    delta: Option<Stop>,
    usage: Option<Report>,
}

#[derive(Deserialize)]
struct Stop {
    stop_reason: Option<String>,
}

impl Meter {
    /// A meter for a call to `model` with a request of `request_bytes`.
    pub(super) fn new(model: &str, request_bytes: usize) -> Self {
        let reading = Reading {
            request_bytes: request_bytes as u64,
            model: model.to_owned(),
            report: Report::default(),
            visible_bytes: 0,
            known: Known::Nothing,
            input_taken: false,
            stopped: false,
            garbled: false,
            end: None,
        };
        Self { parser: SseParser::default(), reading }
    }

    /// Reads the next piece of a streamed answer.
    pub(super) fn read(&mut self, piece: &[u8]) {
        self.parser.read(piece, |event| self.reading.event(event));
    }

    /// Reads an answer that came whole.
    pub(super) fn read_whole(&mut self, body: &[u8]) {
        let reading = &mut self.reading;
        match serde_json::from_slice(body) {
            Ok(Message { model, usage: Some(report) }) => {
                let known = if report.tells_output() { Known::InputAndOutput } else { Known::Input };
                reading.begin(model, report);
                reading.known = known;
                reading.end = Some(End::Complete);
            }
            _ => reading.read_blindly(body.len()),
        }
    }

    /// Reads a piece of an answer that will not come whole, and so cannot be understood.
    pub(super) fn read_fragment(&mut self, body: &[u8]) {
        self.reading.read_blindly(body.len());
    }

    /// Whether the answer's end was read: the caller must not see it before the call is settled.
    pub(super) fn is_over(&self) -> bool {
        self.reading.end.is_some()
    }

    /// The input, once the provider has told it; only the first time that is asked.
    pub(super) fn take_known_input(&mut self) -> Option<Vec<(String, Usage)>> {
        let reading = &mut self.reading;
        if reading.known == Known::Nothing || reading.input_taken {
            return None;
        }
        reading.input_taken = true;
        let mut parts = reading.report.parts(&reading.model);
        for (_, usage) in &mut parts {
            usage.output_tokens = 0;
        }
        Some(parts)
    }

    /// The charge for what was read.
    pub(super) fn bill(&self) -> Bill {
        let reading = &self.reading;
        if reading.end == Some(End::Error) && reading.known == Known::Nothing {
            return self.nothing(true);
        }
        let last_report = reading.stopped || reading.end == Some(End::Complete);
        let exact = reading.known == Known::InputAndOutput && last_report && !reading.garbled;
        let mut parts = reading.report.parts(&reading.model);
        if !exact {
            let reported = parts.iter().map(|(_, usage)| usage.output_tokens).fold(0, u64::saturating_add);
            let output = estimate::output_tokens(reading.visible_bytes, reported);
            if let Some((_, last)) = parts.last_mut() {
                last.output_tokens = last.output_tokens.saturating_add(output - reported);
                if reading.known == Known::Nothing {
                    last.input_tokens = estimate::input_tokens(reading.request_bytes);
                }
            }
        }
        Bill { model: reading.model.clone(), parts, exact }
    }

    /// The charge for a call the provider did not answer: nothing. `exact` when it certainly charges nothing either.
    pub(super) fn nothing(&self, exact: bool) -> Bill {
        Bill { model: self.reading.model.clone(), parts: Vec::new(), exact }
    }
}

impl Reading {
    fn event(&mut self, data: &[u8]) {
        let Some(Tag { kind }) = self.parse(data) else { return };
        match kind.as_str() {
            "message_start" => {
                if let Some(MessageStart { message }) = self.parse(data) {
                    self.begin(message.model, message.usage.unwrap_or_default());
                }
            }
            "content_block_start" => {
                if let Ok(BlockStart { content_block: Block { to: Some(successor) } }) = serde_json::from_slice(data) {
                    self.model = successor.model;
                }
            }
            "content_block_delta" => {
                if let Ok(BlockDelta { delta }) = serde_json::from_slice(data) {
                    let texts = [delta.text, delta.thinking, delta.partial_json];
                    let bytes: usize = texts.iter().flatten().map(String::len).sum();
                    self.visible_bytes += bytes as u64;
                }
            }
            "message_delta" => {
                if let Some(MessageDelta { delta, usage: Some(report) }) = self.parse(data) {
                    if report.tells_output() && self.known == Known::Input {
                        self.known = Known::InputAndOutput;
                    }
                    self.stopped |= delta.is_some_and(|stop| stop.stop_reason.is_some());
                    self.report.update(report);
                }
            }
            "message_stop" => self.end = Some(End::Complete),
            "error" => self.end = Some(End::Error),
            _ => {}
        }
    }

    fn begin(&mut self, model: Option<String>, report: Report) {
        self.known = self.known.max(Known::Input);
        if let Some(model) = model {
            self.model = model;
        }
        self.report.update(report);
    }

    fn read_blindly(&mut self, bytes: usize) {
        self.garbled = true;
        self.visible_bytes += bytes as u64;
    }

    fn parse<T: DeserializeOwned>(&mut self, data: &[u8]) -> Option<T> {
        let parsed = serde_json::from_slice(data);
        if let Err(error) = &parsed {
            // The error itself may repeat a piece of the answer.
            let (sort, line, column) = (error.classify(), error.line(), error.column());
            warn!(?sort, line, column, "an event of the model's answer cannot be read; its usage is estimated");
            self.garbled = true;
        }
        parsed.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-opus-5-5\",\
        \"usage\":{\"input_tokens\":1000,\"cache_creation_input_tokens\":2000,\"cache_read_input_tokens\":3000,\
        \"output_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":500,\"ephemeral_1h_input_tokens\":1500}}}}\n\n";
    const TEXT: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\
        \"text\":\"Gr\\u00fc\\u00df dich\"}}\n\n";
    const MORE: &str = "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":20}}\n\n";
    const DELTA: &str = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
        \"usage\":{\"output_tokens\":50,\"input_tokens\":1100}}\n\n";
    const STOP: &str = "data: {\"type\":\"message_stop\"}\n\n";
    const ERROR: &str =
        "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

    fn bill(pieces: &[&str]) -> Bill {
        let mut meter = Meter::new("claude-asked", 400);
        for piece in pieces {
            meter.read(piece.as_bytes());
        }
        meter.bill()
    }

    fn used(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage {
            input_tokens,
            output_tokens,
            cache_read_tokens: 3000,
            cache_write_5m_tokens: 500,
            cache_write_1h_tokens: 1500,
            web_search_requests: 0,
        }
    }

    fn single(usage: Usage, exact: bool) -> Bill {
        let model = "claude-opus-5-5".to_owned();
        Bill { model: model.clone(), parts: vec![(model, usage)], exact }
    }

    #[test]
    fn a_whole_stream_is_charged_as_told_wherever_it_is_cut_into_pieces() {
        let stream = [START, TEXT, "event: ping\ndata: {\"type\": \"ping\"}\n\n", MORE, DELTA, STOP].concat();
        for cut in 0..=stream.len() {
            let mut meter = Meter::new("claude-asked", 400);
            meter.read(&stream.as_bytes()[..cut]);
            assert_eq!(meter.is_over(), cut == stream.len(), "cut at {cut}");
            meter.read(&stream.as_bytes()[cut..]);
            assert!(meter.is_over());
            assert_eq!(meter.bill(), single(used(1100, 50), true), "cut at {cut}");
        }
        let mut meter = Meter::new("claude-asked", 400);
        stream.as_bytes().iter().for_each(|byte| meter.read(&[*byte]));
        assert_eq!(meter.bill(), single(used(1100, 50), true));
    }

    #[test]
    fn the_final_report_is_enough_without_the_stop() {
        assert_eq!(bill(&[START, TEXT, DELTA]), single(used(1100, 50), true));
    }

    #[test]
    fn a_stream_that_was_cut_is_charged_what_was_seen() {
        assert_eq!(bill(&[START]), single(used(1000, 1), false));
        assert_eq!(bill(&[START, TEXT, TEXT, TEXT]), single(used(1000, 17), false));
        assert_eq!(bill(&[START, TEXT, MORE]), single(used(1000, 20), false));
        assert_eq!(bill(&[START, TEXT, ERROR]), single(used(1000, 6), false));
    }

    #[test]
    fn an_error_instead_of_an_answer_costs_nothing() {
        assert_eq!(bill(&[ERROR]), Bill { model: "claude-asked".to_owned(), parts: Vec::new(), exact: true });
    }

    #[test]
    fn an_answer_of_which_nothing_was_heard_costs_about_its_input() {
        let unheard = bill(&[]);
        assert!(!unheard.exact);
        assert_eq!(unheard.parts, [("claude-asked".to_owned(), Usage { input_tokens: 100, ..Usage::default() })]);
    }

    #[test]
    fn a_model_that_takes_over_is_the_one_that_is_paid() {
        let fallback = "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"fallback\",\
            \"to\":{\"model\":\"claude-sonnet-5-5\"}}}\n\n";
        assert_eq!(bill(&[START, fallback, DELTA, STOP]).model, "claude-sonnet-5-5");
    }

    #[test]
    fn a_garbled_report_makes_the_charge_an_estimate() {
        let garbled = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":\"many\"}}\n\n";
        assert_eq!(bill(&[START, TEXT, garbled, STOP]), single(used(1000, 6), false));
    }

    #[test]
    fn an_estimate_keeps_the_iterations() {
        let steps = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3,\"iterations\":[\
            {\"model\":\"claude-fable-5\",\"output_tokens\":2},{\"output_tokens\":3}]}}\n\n";
        let estimated = bill(&[START, TEXT, steps]);
        let outputs: Vec<_> =
            estimated.parts.iter().map(|(model, usage)| (model.as_str(), usage.output_tokens)).collect();
        assert_eq!(outputs, [("claude-fable-5", 2), ("claude-opus-5-5", 4)]);
    }

    #[test]
    fn a_whole_answer_is_charged_as_told() {
        let mut meter = Meter::new("claude-asked", 400);
        meter.read_whole(
            br#"{"type":"message","model":"claude-opus-5-5","usage":{"input_tokens":7,"output_tokens":3}}"#,
        );
        let usage = Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() };
        assert_eq!(meter.bill(), single(usage, true));
    }

    #[test]
    fn a_whole_answer_without_a_report_is_estimated() {
        let mut meter = Meter::new("claude-asked", 400);
        meter.read_whole(b"0123456789");
        let usage = Usage { input_tokens: 100, output_tokens: 5, ..Usage::default() };
        assert_eq!(meter.bill().parts, [("claude-asked".to_owned(), usage)]);
        assert!(!meter.bill().exact);
    }
}
