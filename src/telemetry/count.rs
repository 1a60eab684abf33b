//! Counts the lines of the log that are warnings or errors, whatever the filter lets through.

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::metrics::catalogue::LOG_MESSAGES;

/// A layer that counts and writes nothing.
pub(super) struct Count;

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => LOG_MESSAGES.one(["error"]),
            Level::WARN => LOG_MESSAGES.one(["warn"]),
            _ => {}
        }
    }
}
