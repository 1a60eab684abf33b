//! Log lines: of text for people, of JSON for machines.
//!
//! ```text
//! 2026-11-27T09:41:07.183Z  WARN gateway: a call failed error="connection refused" tenant=… session=… request=…
//! {"timestamp":"…","level":"WARN","target":"innkeeper::gateway::call","message":"a call failed","error":"…","tenant":"…",…}
//! ```
//!
//! A line is a line whatever is told: what would break it is escaped.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::ids;

/// For people.
#[derive(Debug)]
pub(super) struct Text;

/// For machines.
#[derive(Debug)]
pub(super) struct Json;

/// Spans are not written: what is to be seen of them are their ids.
#[derive(Debug)]
pub(super) struct NoFields;

/// The ids that text is told with. The others follow from them, and are in the way of people.
const TOLD: [&str; 3] = ["tenant", "session", "request"];

/// The length of a timestamp to the millisecond, without its zone.
const TO_THE_MILLISECOND: usize = "2026-11-27T09:41:07.183".len();

/// What an event tells, by name, in order.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl<'w> FormatFields<'w> for NoFields {
    fn format_fields<R: RecordFields>(&self, _: Writer<'w>, _: R) -> fmt::Result {
        Ok(())
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let ansi = to.has_ansi_escapes();
        let [dim, plain] = if ansi { ["\x1b[2m", "\x1b[0m"] } else { ["", ""] };
        let level = *event.metadata().level();
        let color = if ansi { color(level) } else { "" };
        let mut time = now()?;
        time.truncate(TO_THE_MILLISECOND);
        write!(to, "{dim}{time}Z{plain} {color}{:>5}{plain} ", level.as_str())?;
        write!(to, "{dim}{}:{plain} ", part(event.metadata().target()))?;
        let mut fields = Fields::of(event);
        if let Some(message) = fields.0.shift_remove("message") {
            write!(to, "{}", one_line(message.as_str().unwrap_or_default()))?;
        }
        for (name, value) in &fields.0 {
            write!(to, " {dim}{name}={plain}{}", readable(value))?;
        }
        for (name, id) in ids::of(context.event_scope()) {
            if TOLD.contains(&name) && !fields.0.contains_key(name) {
                write!(to, " {dim}{name}={id}{plain}")?;
            }
        }
        writeln!(to)
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), now()?.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        let mut fields = Fields::of(event);
        line.extend(fields.0.shift_remove_entry("message"));
        for (name, value) in fields.0 {
            line.entry(name).or_insert(value);
        }
        for (name, id) in ids::of(context.event_scope()) {
            line.entry(name).or_insert_with(|| id.into());
        }
        writeln!(to, "{}", Value::Object(line))
    }
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    /// An error with all that caused it.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let (mut text, mut source) = (value.to_string(), value.source());
        while let Some(cause) = source {
            let said = cause.to_string();
            // Some errors say what caused them by themselves.
            if !text.ends_with(&said) {
                let _ = write!(text, ": {said}");
            }
            source = cause.source();
        }
        self.put(field, text);
    }
}

/// The present moment, to the microsecond.
fn now() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    Ok(time)
}

/// The part of the program that speaks: of ours the module, of others the crate.
fn part(target: &str) -> &str {
    let ours = target.strip_prefix("innkeeper::").unwrap_or(target);
    ours.split("::").next().unwrap_or(ours)
}

fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}

/// A value as people read it: in quotes where it would not be seen where it ends.
fn readable(value: &Value) -> String {
    match value {
        Value::String(text) if is_a_word(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_a_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '"')
}

/// A message, which nothing can end but its end.
fn one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut line, letter| {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
        line
    })
}
