//! Proxies that nobody declared: whoever stands behind one is taken for the proxy, and shares its bounds with all others.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::FORWARDED;
use moka::sync::Cache;
use tracing::warn;

/// Addresses that are remembered, and how long each is warned of once.
const CAPACITY: u64 = 64;
const WARN_EVERY: Duration = Duration::from_hours(1);

/// The addresses that were warned of. When there are too many, further ones are not: a warning must not fill the log.
#[derive(Debug)]
pub(super) struct UndeclaredProxies(Cache<IpAddr, ()>);

impl UndeclaredProxies {
    pub(super) fn new() -> Self {
        Self(Cache::builder().time_to_live(WARN_EVERY).build())
    }

    /// Warns of a request that was forwarded by an address that is not among the declared proxies. Returns whether it did.
    pub(super) fn notice(&self, connected: IpAddr, is_declared: bool, headers: &HeaderMap) -> bool {
        let is_forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key(FORWARDED);
        if is_declared || !is_forwarded || self.0.contains_key(&connected) {
            return false;
        }
        self.0.run_pending_tasks();
        if self.0.entry_count() >= CAPACITY {
            return false;
        }
        self.0.insert(connected, ());
        warn!(
            address = %connected,
            "requests are forwarded by a proxy that is not declared: all its callers count as one address; if it is yours, \
             list its network in http.trusted_proxies"
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded() -> HeaderMap {
        [("x-forwarded-for".parse().unwrap(), "198.51.100.1".parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn undeclared_proxy_is_warned_of_once() {
        let proxies = UndeclaredProxies::new();
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        assert!(!proxies.notice(one, false, &HeaderMap::new()), "it forwards nothing");
        assert!(!proxies.notice(one, true, &forwarded()), "it is declared");
        assert!(proxies.notice(one, false, &forwarded()));
        assert!(!proxies.notice(one, false, &forwarded()));
        assert!(proxies.notice(two, false, &forwarded()));
        let header = [(FORWARDED, "for=198.51.100.1".parse().unwrap())].into_iter().collect();
        assert!(proxies.notice("2001:db8::1".parse().unwrap(), false, &header));
    }

    #[test]
    fn callers_who_claim_to_be_proxies_do_not_fill_the_log() {
        let proxies = UndeclaredProxies::new();
        let addresses = (0..1_000_u32).map(|number| IpAddr::from(number.to_be_bytes()));
        let warned = addresses.filter(|address| proxies.notice(*address, false, &forwarded())).count();
        assert!(warned <= 2 * usize::try_from(CAPACITY).unwrap(), "{warned}");
    }
}
