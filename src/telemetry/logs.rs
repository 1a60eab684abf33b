//! Logs: set up once, as the settings say.

use std::io::{IsTerminal, stderr};

use tracing::{Level, Metadata, Subscriber, error};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::InitError;
use super::count::Count;
use super::ids::{IDS, KeepIds};
use super::line::{Json, NoFields, Text};
use crate::config::{LogConfig, LogFormat};

/// What repeats in its own words what was told already: of panics.
const TOLD_ELSEWHERE: [&str; 1] = ["tower_http::catch_panic"];

/// Sets the logs up.
///
/// # Errors
/// When the filter cannot be understood, or the logs are set up already.
pub(super) fn init(config: &LogConfig) -> Result<(), InitError> {
    subscriber(config, stderr, stderr().is_terminal())?.try_init()?;
    tell_panics();
    Ok(())
}

/// What takes lines and writes them to `to`.
pub(super) fn subscriber<W>(config: &LogConfig, to: W, ansi: bool) -> Result<impl Subscriber + use<W>, InitError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = EnvFilter::try_new(&config.filter).map_err(|error| format!("log.filter: {error}"))?;
    // Whatever is filtered: a line that is written has its ids.
    let ids = filter_fn(|metadata| metadata.target() == IDS).with_max_level_hint(Level::INFO);
    let filter = wanted.or(ids).and(filter_fn(may_be_told));
    let lines = fmt::layer().with_writer(to).with_ansi(ansi).fmt_fields(NoFields);
    let lines = match config.format {
        LogFormat::Text => lines.event_format(Text).boxed(),
        LogFormat::Json => lines.event_format(Json).boxed(),
    };
    let kept = KeepIds.with_filter(filter_fn(|metadata| metadata.is_span() && is_ours(metadata)));
    let counted = Count.with_filter(filter_fn(|metadata| *metadata.level() <= Level::WARN && may_be_told(metadata)));
    Ok(registry().with(kept).with(counted).with(lines.with_filter(filter)))
}

/// Tells of a panic as of any failure: in one line, with its ids.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("without a word");
        let at = panic.location().map(ToString::to_string);
        error!(what, at, "the server has a fault: please report this line");
    }));
}

/// Libraries write whole requests below `info`, and so a sandbox's token, a key or a prompt.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata) || *metadata.level() <= Level::INFO && !TOLD_ELSEWHERE.contains(&metadata.target())
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("innkeeper")
}
