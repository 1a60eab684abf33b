//! `[http]`: the listeners.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Where the server listens, and what it takes there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where tenants reach the API.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Where operators reach the admin API and health checks.
    #[serde(deserialize_with = "address")]
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

/// Reads where to listen: an address or a name of this machine, and a port. Of several addresses of a name, an IPv4 one is
/// taken, because that is what most clients try.
///
/// # Errors
/// When it is neither, or the name has no address; the message says what it is to look like.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let wrong =
        |why: String| format!("`{text}` is no listen address like 127.0.0.1:8000, [::1]:8000 or localhost:8000{why}");
    let found: Vec<_> = text.to_socket_addrs().map_err(|error| wrong(format!(": {error}")))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| wrong(": the name has no address".to_owned()))
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    listen_address(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_may_be_a_name() {
        assert_eq!(listen_address("localhost:8000").unwrap(), "127.0.0.1:8000".parse().unwrap());
        assert_eq!(listen_address("[::1]:8000").unwrap(), "[::1]:8000".parse().unwrap());
        for wrong in ["localhost", "8000", "", "no.such.name.invalid:80", "127.0.0.1:99999"] {
            let error = listen_address(wrong).unwrap_err();
            assert!(error.contains("localhost:8000"), "{error}");
        }
    }
}
