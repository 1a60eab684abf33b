//! Logs: set up once, as the settings say.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// What never goes into a log, whatever the filter: the engine's client writes whole requests, a sandbox's token in them.
const QUIET: [&str; 2] = ["bollard=info", "hyper=info"];

/// Sets the logs up.
///
/// # Errors
/// When the filter cannot be understood, or the logs are set up already.
pub fn init(config: &LogConfig) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut filter = EnvFilter::try_new(&config.filter)?;
    for directive in QUIET {
        filter = filter.add_directive(directive.parse()?);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
}
