//! The writer: one task that owns the only connection that writes.
//!
//! ```text
//!   callers ──► queue ──► begin immediate
//!   (units)     (fifo)      unit · savepoint(unit) · savepoint(unit) · …
//!                         commit            one fsync for all of them
//!   callers ◄── answers ──┘
//! ```
//!
//! Callers send *units*: statements that are written together or not at all. What arrives while a transaction runs joins
//! it, each unit within a savepoint, and what arrives while it is committed goes into the next one. Callers are answered
//! after the commit, so what was answered survives a loss of power. A caller that goes away does not stop its unit.
//!
//! A unit that fails, or panics, is rolled back alone. When the transaction itself fails, each of its units is answered
//! with an error that says to try again, and the connection is replaced: its state is unknown.

mod queue;
mod reconnect;
mod task;
mod unit;

pub(super) use queue::Writer;
pub(super) use unit::{Answer, Failure, Ran, Run, after_commit};
