//! What a call is to be charged, read from a copy of its answer.
//!
//! ```text
//!   bytes ─► decode ─► form ─┬─ stream ───► sse ─► reading ─► report ┐
//!                            └─ document ────────► reading ─► report ┴─► bill ─► exposure ─► cost
//! ```
//!
//! The answer is read for what it is: its bytes decide whether it is a stream or a document, not what was asked for. A
//! counter is as high as any report of the call had it, and a counter that was not reported is unknown, never zero. A call
//! is charged exactly when all of these hold:
//!
//! - the answer came to its end: `message_stop`, a `stop_reason`, or a whole document with a `usage`;
//! - the input is known: some report has `input_tokens`. Classes of the cache that no report names are zero then;
//! - the output is known: the last report of a stream, or the document's, has `output_tokens`;
//! - every event could be read, and no number is impossible;
//! - the model and every modifier that the report names have a price.
//!
//! Otherwise the cost is what was held for the parts that are not known (`exposure`), never less than what was seen, and the
//! ledger says why.

mod bill;
mod decode;
mod exposure;
mod form;
mod meter;
mod names;
mod reading;
mod report;
mod sse;

#[cfg(test)]
mod tests;

pub(super) use bill::Bill;
pub(super) use exposure::Exposure;
pub(super) use form::Form;
pub(super) use meter::{Expected, Meter};
