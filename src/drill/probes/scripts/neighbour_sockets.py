def abstract():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + ASKED["abstract"])


refused("a neighbour's abstract socket was reached", abstract)
refused("a neighbour's loopback was reached", lambda: socket.create_connection(("127.0.0.1", ASKED["port"]), 1))
names = [line.split()[-1] for line in open("/proc/net/unix") if line.split()[-1].startswith("@")]
expect(f"a neighbour's sockets are seen: {names[:3]}", not names)
finish()
