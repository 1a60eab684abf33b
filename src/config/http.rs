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
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest request body that is read.
    pub max_body_bytes: usize,
    /// How long running turns may go on when the server is asked to stop.
    pub shutdown_grace_ms: u64,
}
