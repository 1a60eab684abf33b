//! innkeeper runs coding agents for many tenants, each session in its own sandbox, every model call metered.
//!
//! The modules are layers; imports point down only (`ARCHITECTURE.md` draws them).

pub mod config;
pub mod domain;
pub mod lifecycle;
pub mod sandbox;
pub mod store;
