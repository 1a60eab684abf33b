//! Answers of every kind, and what each is charged.

mod answers;
mod cases;
mod events;
mod forms;
mod holds;
mod properties;

use cases::{
    Case, HELD, INPUT, KNOWN_INPUT, KNOWN_OUTPUT, MAX_TOKENS, MODEL, OUTPUT, WHOLE, cost, exposure, meter, prices,
};
use events::{error, event, last, last_50, report, start, start_of, start_with, stop, text};
