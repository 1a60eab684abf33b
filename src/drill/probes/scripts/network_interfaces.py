names = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
expect(f"there are interfaces beside the loopback: {names}", names == ["lo"])
for family in ("route", "ipv6_route"):
    try:
        lines = open(f"/proc/net/{family}").read().splitlines()
    except OSError:
        continue
    ways = [line for line in lines if not line.startswith("Iface") and not line.split()[-1] == "lo"]
    expect(f"there are routes: {ways[:3]}", not ways)


def way(family, address):
    """A datagram socket that can be connected has a route; nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect(address)


for address in (("1.1.1.1", 443), ("8.8.8.8", 53), ("10.0.0.1", 22), ("192.168.0.1", 80), ("172.17.0.1", 80), ("255.255.255.255", 9)):
    refused(f"there is a way to {address[0]}", way, socket.AF_INET, address)
for address in (("2606:4700:4700::1111", 443), ("fe80::1", 80), ("fd00::1", 80)):
    refused(f"there is a way to {address[0]}", way, socket.AF_INET6, address)
refused("a connection to the internet", lambda: socket.create_connection(("1.1.1.1", 443), 2))
finish()
