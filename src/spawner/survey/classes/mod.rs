//! Which files would run later on somebody's host: one table, and how a path is looked up in it.
//!
//! Capitals do not count, because they do not on every machine a workspace is carried to. A pattern holds in any directory:
//! a tool may be started in any. Changes below [`BULK`](table::BULK) are listed, but nothing there is looked up, kept or
//! diffed: what lies there was made by tools and is made again by them.

mod hooks_path;
mod surroundings;
mod table;

pub(super) use hooks_path::hooks_path;
pub(super) use surroundings::{Surroundings, is_known, known_names};
