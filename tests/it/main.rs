//! The product as its users meet it: the real server, real Docker, the real agent. Only the model is a stand-in.
//!
//! `make test` prepares what these tests need: a Docker engine and the sandbox image.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod abuse;
mod agent_telemetry;
mod authorization;
mod budgets;
mod cancelling;
mod changes;
mod cli_prices;
mod collector;
mod compose;
mod confinement;
mod conformance;
mod dialect;
mod drift;
mod drill;
mod drill_installation;
mod drill_weaknesses;
mod egress;
mod engine;
mod execution;
mod full_disk;
mod fullness;
mod git;
mod harness;
mod limits;
mod listeners;
mod live;
mod machine;
mod memory;
mod mirror;
mod money;
mod observed;
mod one_server;
mod operators;
mod output;
mod overspend;
mod prices;
mod process;
mod redaction;
mod repository;
mod requests;
mod restarting;
mod resuming;
mod running;
mod runtimes;
mod spawner;
mod starting;
mod tenancy;
mod traces;
mod usage_export;
mod workspaces;
