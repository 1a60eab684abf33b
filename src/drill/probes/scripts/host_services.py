for address in ASKED["addresses"]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def reach():
        with socket.socket(family) as s:
            s.settimeout(1)
            s.connect((address, ASKED["port"]))

    refused(f"a service of the host was reached at {address}", reach)


def reach_abstract(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + name)


refused("an abstract socket of the host was reached", reach_abstract, ASKED["abstract"])
names = [line.split()[-1] for line in open("/proc/net/unix") if line.split()[-1].startswith("@")]
expect(f"abstract sockets of somebody else are seen: {names[:3]}", not names)
refused("the server's own listener was reached", lambda: socket.create_connection(("127.0.0.1", ASKED["server_port"]), 1))
finish()
