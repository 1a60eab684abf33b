//! Which addresses may be connected to: those of the public internet, and private ones the operator lists.
//!
//! The blocks are those of IANA's registries of special-purpose addresses for IPv4 and IPv6, multicast, and the addresses
//! at which clouds tell a machine its secrets. Of IPv6 only global unicast (`2000::/3`) is open at all, so every way to write
//! an IPv4 address as one (mapped, compatible, NAT64) is closed, and 6to4 and Teredo are by their blocks.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// Blocks that are no part of the public internet, or that lead to where the machine itself is configured.
const SPECIAL: &[&str] = &[
    // "This network", private, shared by carriers, loopback, link-local.
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    // Protocol assignments, documentation, 6to4 relays, AMT, AS112, benchmarking.
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    // Multicast, reserved, broadcast.
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    // Metadata: most clouds, AWS's credentials, Alibaba, Oracle, and Azure's (which looks public).
    "169.254.169.254/32",
    "169.254.170.2/32",
    "169.254.170.23/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "168.63.129.16/32",
    // IPv6: unspecified and IPv4-compatible, loopback, IPv4-mapped, NAT64, discard.
    "::/96",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    // Protocol assignments with Teredo, documentation, 6to4, AS112, segment routing.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    // Unique local, link-local, site-local, multicast.
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    // Metadata: AWS and Google.
    "fd00:ec2::254/128",
    "fd00:ec2::23/128",
    "fd20:ce::254/128",
];

/// Where global unicast addresses of IPv6 are.
const GLOBAL_IPV6: &str = "2000::/3";

struct Blocks {
    special: Vec<IpNet>,
    global_ipv6: Option<IpNet>,
}

static BLOCKS: LazyLock<Blocks> = LazyLock::new(|| Blocks {
    special: SPECIAL.iter().filter_map(|block| block.parse().ok()).collect(),
    global_ipv6: GLOBAL_IPV6.parse().ok(),
});

/// Whether `address` may be connected to, where the operator lists `private` networks. One that is listed opens only what
/// lies in the same special block as itself: `0.0.0.0/0` opens nothing, and `10.0.0.0/8` no metadata.
pub(super) fn is_permitted(address: IpAddr, private: &[IpNet]) -> bool {
    let narrowest =
        BLOCKS.special.iter().filter(|block| block.contains(&address)).max_by_key(|block| block.prefix_len());
    match narrowest {
        Some(block) => private.iter().any(|listed| block.contains(listed) && listed.contains(&address)),
        None => address.is_ipv4() || BLOCKS.global_ipv6.is_some_and(|global| global.contains(&address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(address: &str, private: &[&str]) -> bool {
        let private: Vec<IpNet> = private.iter().map(|network| network.parse().unwrap()).collect();
        is_permitted(address.parse().unwrap(), &private)
    }

    #[test]
    fn every_block_is_read() {
        assert_eq!(BLOCKS.special.len(), SPECIAL.len());
        assert!(BLOCKS.global_ipv6.is_some());
    }

    #[test]
    fn only_the_public_internet_is_open() {
        for open in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1"] {
            assert!(permitted(open, &[]), "{open}");
        }
        for closed in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!permitted(closed, &[]), "{closed}");
            assert!(!permitted(closed, &["0.0.0.0/0", "::/0"]), "{closed} when everything is listed");
        }
    }

    #[test]
    fn a_listed_network_opens_its_own_block_and_no_other() {
        assert!(permitted("10.1.2.3", &["10.1.0.0/16"]) && permitted("10.1.2.3", &["10.0.0.0/8"]));
        assert!(!permitted("10.2.0.1", &["10.1.0.0/16"]) && !permitted("192.168.0.1", &["10.0.0.0/8"]));
        assert!(permitted("127.0.0.1", &["127.0.0.1/32"]));
        assert!(permitted("fd12::1", &["fd00::/8"]));
        for (metadata, wider) in [
            ("169.254.169.254", "169.254.0.0/16"),
            ("fd00:ec2::254", "fd00::/8"),
            ("100.100.100.200", "100.64.0.0/10"),
            ("255.255.255.255", "240.0.0.0/4"),
        ] {
            assert!(!permitted(metadata, &[wider]), "{metadata} by {wider}");
        }
        assert!(permitted("169.254.169.254", &["169.254.169.254/32"]), "said so explicitly");
    }
}
