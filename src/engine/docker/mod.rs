//! Docker as an engine: a sandbox is a container. The only place that speaks Docker's API.

mod connection;
mod hidden_paths;
mod host_config;
mod labels;
mod lifecycle;
mod list;
mod mounts;

pub use connection::Docker;
