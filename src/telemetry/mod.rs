//! What the process tells operators as it goes: logs, and traces where they are wanted.
//!
//! Both know what a piece of work belongs to. A log line gets the ids of the work it is written in (`ids`); a [`Span`] is a
//! part of a trace, begun with its parent in hand, because work goes on in tasks of its own and long after the
//! request that began it.

mod count;
mod ids;
mod line;
mod logs;
mod otlp;
mod sampler;
mod span;
#[cfg(test)]
mod tests;
mod traces;
mod trouble;

pub use ids::{IDS, in_request, in_turn, note_tenant};
pub use otlp::{Otlp, OtlpError, Signal};
pub use span::{Kind, Span, TraceContext, event, fail, set};
pub use traces::Traces;
pub use trouble::Trouble;

use crate::config::{LogConfig, TracesConfig};

/// Any failure to begin, said for people.
type InitError = Box<dyn std::error::Error + Send + Sync>;

/// Sets logs and traces up. To be called once, inside the runtime that is to send the traces.
///
/// # Errors
/// When a setting cannot be used, or they are set up already.
pub fn init(log: &LogConfig, traces: &TracesConfig) -> Result<Traces, InitError> {
    logs::init(log)?;
    Ok(Traces::start(traces)?)
}

/// Sets the logs up, of a process that makes no traces.
///
/// # Errors
/// When the filter cannot be understood, or the logs are set up already.
pub fn init_logs(log: &LogConfig) -> Result<(), InitError> {
    logs::init(log)
}
