//! Logs: set up once, as the settings say.

use std::io::{IsTerminal, stderr};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::InitError;
use super::ids::{IDS, KeepIds};
use super::line::{Json, NoFields, Text};
use crate::config::{LogConfig, LogFormat};

/// Sets the logs up.
///
/// # Errors
/// When the filter cannot be understood, or the logs are set up already.
pub(super) fn init(config: &LogConfig) -> Result<(), InitError> {
    let wanted = EnvFilter::try_new(&config.filter).map_err(|error| format!("log.filter: {error}"))?;
    // Whatever is filtered: a line that is written has its ids.
    let ids = filter_fn(|metadata| metadata.target() == IDS).with_max_level_hint(Level::INFO);
    let filter = wanted.or(ids).and(filter_fn(may_be_told));
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).fmt_fields(NoFields);
    let lines = match config.format {
        LogFormat::Text => lines.event_format(Text).boxed(),
        LogFormat::Json => lines.event_format(Json).boxed(),
    };
    let kept = KeepIds.with_filter(filter_fn(|metadata| metadata.is_span() && is_ours(metadata)));
    registry().with(kept).with(lines.with_filter(filter)).try_init()?;
    Ok(())
}

/// Libraries write whole requests below `info`, and so a sandbox's token, a key or a prompt.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata) || *metadata.level() <= Level::INFO
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("innkeeper")
}
