//! From a name to its addresses: those the operator gave it, else what the machine's own resolver says.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

use crate::config::ExtraHost;

/// Finds addresses.
#[derive(Debug)]
pub(super) struct Resolver {
    extra: HashMap<String, Vec<IpAddr>>,
}

impl Resolver {
    /// A resolver that knows `extra` by itself.
    pub(super) fn new(extra: &[ExtraHost]) -> Self {
        let mut known: HashMap<_, Vec<_>> = HashMap::new();
        for host in extra {
            known.entry(host.name.clone()).or_default().push(host.address);
        }
        Self { extra: known }
    }

    /// The addresses of `host`, which is lower case.
    ///
    /// # Errors
    /// When it has none.
    pub(super) async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Some(known) = self.extra.get(host) {
            return Ok(known.clone());
        }
        // The port is of no use to a resolver, and has to be given.
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}
