//! Logs as they are read.

mod lines;
