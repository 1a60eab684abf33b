//! innkeeper runs coding agents for many tenants, each session in its own sandbox, every model call metered.
//!
//! The modules are layers; imports point down only (`ARCHITECTURE.md` draws them).

pub mod admin;
pub mod admission;
pub mod agent;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod drill;
pub mod engine;
pub mod fair;
pub mod gateway;
pub mod instance;
pub mod lifecycle;
pub mod metrics;
pub mod net;
pub mod sandbox;
pub mod session;
pub mod spawner;
pub mod store;
pub mod telemetry;
