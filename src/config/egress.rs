//! `[egress]`: what the sandboxes of this installation may be granted to reach, and how much of it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

use crate::domain::{EgressHost, TenantLimits};

/// The installation's ceiling, and the bounds of what goes through it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressConfig {
    /// What tenants may be granted.
    pub allowed_hosts: Vec<EgressHost>,
    /// Networks that may be reached although they are not part of the public internet.
    pub allowed_private: Vec<IpNet>,
    /// Addresses of hosts that no DNS knows.
    pub extra_hosts: Vec<ExtraHost>,
    /// Whether the provider may search the whole web for sandboxes.
    pub web_search: bool,
    /// Bytes of one sandbox, both directions and all connections together.
    pub max_bytes: u64,
    /// Connections of one sandbox at the same time, at most as many as its shim carries.
    pub max_connections: usize,
    /// How long finding and reaching a host may take, and then its first word.
    pub connect_timeout_ms: u64,
    /// How long nothing may go through a connection.
    pub idle_timeout_ms: u64,
    /// How long a connection may last.
    pub connection_timeout_ms: u64,
}

/// A host's address, said by the operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ExtraHost {
    /// Its name, lower case.
    pub name: String,
    /// One of its addresses.
    pub address: IpAddr,
}

/// A tenant is to be granted what the installation lets nobody be granted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{asked}` cannot be granted: it is outside of what this installation lets be granted, which is {allowed}; \
     egress.allowed_hosts in the settings says what that is"
)]
pub struct OutsideCeiling {
    asked: EgressHost,
    allowed: Listed,
}

/// Hosts for people.
#[derive(Debug, PartialEq, Eq)]
struct Listed(Vec<EgressHost>);

impl EgressConfig {
    /// Whether a tenant may have these limits.
    ///
    /// # Errors
    /// When they grant a host outside of the ceiling.
    pub fn check(&self, limits: &TenantLimits) -> Result<(), OutsideCeiling> {
        let outside = |host: &&EgressHost| !self.allowed_hosts.iter().any(|ceiling| ceiling.covers(host));
        match limits.egress_hosts.iter().flatten().find(outside) {
            Some(asked) => Err(OutsideCeiling { asked: asked.clone(), allowed: Listed(self.allowed_hosts.clone()) }),
            None => Ok(()),
        }
    }
}

impl FromStr for ExtraHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || format!("`{text}` is no host with its address: write it as `mirror.example.com=10.0.0.7`");
        let (name, address) = text.split_once('=').ok_or_else(invalid)?;
        let (name, _) = EgressHost::target(&format!("{}:1", name.trim())).ok_or_else(invalid)?;
        Ok(Self { name, address: address.trim().parse().map_err(|_| invalid())? })
    }
}

impl TryFrom<String> for ExtraHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("nothing");
        }
        let hosts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&hosts.join(", "))
    }
}

#[cfg(test)]
impl EgressConfig {
    /// Nothing may be granted, and every bound is far off.
    pub(crate) fn test() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_private: Vec::new(),
            extra_hosts: Vec::new(),
            web_search: false,
            max_bytes: u64::MAX,
            max_connections: 8,
            connect_timeout_ms: 60_000,
            idle_timeout_ms: 60_000,
            connection_timeout_ms: 60_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_outside_of_the_ceiling_is_refused_by_its_name() {
        let hosts = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<EgressHost>>();
        let limits = |texts: &[&str]| TenantLimits { egress_hosts: Some(hosts(texts)), ..TenantLimits::default() };
        let config = EgressConfig { allowed_hosts: hosts(&["*.example.org:443"]), ..EgressConfig::test() };
        assert_eq!(config.check(&limits(&["a.example.org:443", "*.b.example.org:443"])), Ok(()));
        assert_eq!(config.check(&TenantLimits::default()), Ok(()));
        let refused = config.check(&limits(&["a.example.org:443", "example.com:443"])).unwrap_err().to_string();
        assert!(refused.contains("`example.com:443`") && refused.contains("*.example.org:443"), "{refused}");
        let refused = EgressConfig::test().check(&limits(&["example.com:443"])).unwrap_err().to_string();
        assert!(refused.contains("which is nothing") && refused.contains("egress.allowed_hosts"), "{refused}");
    }

    #[test]
    fn a_host_is_written_with_its_address() {
        let host: ExtraHost = "Mirror.example.com = 10.0.0.7".parse().unwrap();
        assert_eq!(host, ExtraHost { name: "mirror.example.com".to_owned(), address: [10, 0, 0, 7].into() });
        for bad in ["mirror.example.com", "mirror.example.com=there", "10.0.0.1=10.0.0.2", "*.example.com=10.0.0.2"] {
            assert!(bad.parse::<ExtraHost>().unwrap_err().contains("10.0.0.7"), "{bad}");
        }
    }
}
