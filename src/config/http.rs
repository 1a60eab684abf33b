//! `[http]`: the listeners.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

/// Where the server listens, and what it takes there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where tenants reach the API.
    pub listen: SocketAddr,
    /// Where operators reach the admin API and health checks.
    pub operator_listen: SocketAddr,
    /// A directory of files to serve at `/ui`; empty for none.
    pub static_dir: PathBuf,
    /// Origins of web pages that may call the API.
    pub cors_origins: Vec<String>,
    /// Names that the operators' listener on loopback may be called by, beside addresses and `localhost`.
    pub operator_hosts: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest request body that is read.
    pub max_body_bytes: usize,
    /// The memory of all request bodies together.
    pub body_memory_bytes: usize,
    /// How long a request's head may take.
    pub head_timeout_ms: u64,
    /// How long a connection may be idle between two requests.
    pub idle_timeout_ms: u64,
    /// How long a request's body may pause.
    pub body_timeout_ms: u64,
    /// The rate a request's body keeps in the long run.
    pub min_body_bytes_per_second: u64,
    /// How long a caller may read nothing of an answer.
    pub write_timeout_ms: u64,
    /// Connections of tenants at the same time.
    pub max_connections: usize,
    /// Connections of one address at the same time.
    pub max_connections_per_address: usize,
    /// How long running turns may go on when the server is asked to stop.
    pub shutdown_grace_ms: u64,
}
