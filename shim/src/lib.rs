//! What innkeeper and the PID 1 of its sandboxes agree on: the [`protocol`] they speak, the [`frame`]s that carry
//! it, and the [`contract`] of environment variables and exit codes. The binary beside it is that PID 1.

pub mod contract;
pub mod frame;
pub mod protocol;
