//! Where a request comes from: the address that connected, or the one its proxy names, if that is ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;
use ipnet::IpNet;

/// Of IPv6 a whole /64 is one caller: it belongs to one network, and its addresses cost nothing.
const V6_CALLER_BITS: u32 = 64;

/// The address a request comes from. Proxies add the address they were connected from at the end of `X-Forwarded-For`, so
/// it is read from there, and no further than the first that is no proxy of ours: what stands before was written by anybody.
pub(super) fn client_address(parts: &Parts, proxies: &[IpNet]) -> IpAddr {
    let mut address = connected_address(parts);
    let lines = parts.headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
    for hop in hops {
        if !proxies.iter().any(|network| network.contains(&address)) {
            break;
        }
        let Some(named) = parse(hop.trim()) else { break };
        address = named;
    }
    address
}

/// The address that connected.
pub(super) fn connected_address(parts: &Parts) -> IpAddr {
    let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip().to_canonical())
}

/// The caller an address stands for.
pub(super) fn caller(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - V6_CALLER_BITS))))
        }
    }
}

/// An address as proxies write it, some of them with its port.
fn parse(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut request = http::Request::get("/");
        for line in forwarded {
            request = request.header("x-forwarded-for", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        client_address(&parts, &["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn a_header_counts_only_behind_a_proxy_of_ours() {
        assert_eq!(seen("192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn what_the_caller_wrote_before_it_came_to_a_proxy_is_not_believed() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9", "198.51.100.1, fd00::2"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let of = |text: &str| caller(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
