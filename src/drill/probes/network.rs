//! The network, names, the metadata service, and services of the host.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use serde_json::json;
use uuid::Uuid;

use crate::drill::bench::{Bench, unclear};
use crate::drill::outcome::Outcome;
use crate::drill::probe::{Attempt, Class, Probe, Size};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "network_interfaces",
        class: Class::Network,
        attack: "a way to the internet or to any network",
        guard: "a network of its own with the loopback alone",
        attempt: Attempt::script(include_str!("scripts/network_interfaces.py")),
    },
    Probe {
        id: "name_resolution",
        class: Class::Network,
        attack: "carrying data out in DNS queries",
        guard: "no network, no resolver",
        attempt: Attempt::script(include_str!("scripts/name_resolution.py")),
    },
    Probe {
        id: "metadata_service",
        class: Class::Network,
        attack: "the cloud's metadata service, which hands out the machine's credentials",
        guard: "no network",
        attempt: Attempt::script(include_str!("scripts/metadata_service.py")),
    },
    Probe {
        id: "host_services",
        class: Class::Network,
        attack: "a service of the host, on its addresses, its loopback or an abstract socket",
        guard: "a network of its own",
        attempt: Attempt::Around(|bench| Box::pin(host_services(bench))),
    },
];

/// A service of the drill's own stands for all of the host's.
async fn host_services(bench: &Bench) -> Outcome {
    let name = format!("innkeeper-drill-{}", Uuid::new_v4().simple());
    let stood = || {
        let service = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let port = service.local_addr()?.port();
        let hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        Ok((service, hidden, port, bench.ground.tenant()?))
    };
    let (_service, _hidden, port, tenant) = match stood() {
        Ok(stood) => stood,
        Err::<_, std::io::Error>(error) => return unclear("a service to be reached could not be made", &error),
    };
    let asked = json!({
        "addresses": addresses(),
        "port": port,
        "abstract": name,
        "server_port": bench.config.http.listen.port(),
    });
    let script = include_str!("scripts/host_services.py");
    bench.run_for(&tenant, Size::Ordered, script, asked).await.and(bench.returned(&tenant).await)
}

/// The addresses of this machine, and those a sandbox would try by guess.
fn addresses() -> Vec<IpAddr> {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut found: Vec<IpAddr> =
        ["127.0.0.1", "172.17.0.1", "::1"].iter().filter_map(|text| text.parse().ok()).collect();
    let mut last = None;
    for line in table.lines() {
        if let Some(text) = line.trim_start().strip_prefix("|-- ") {
            last = text.parse().ok();
        } else if line.contains("host LOCAL")
            && let Some(address) = last.take()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}
