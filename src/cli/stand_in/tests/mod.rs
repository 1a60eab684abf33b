//! The stand-in seen through real HTTP.

mod choices;
mod failures;
mod harness;
mod wire;
