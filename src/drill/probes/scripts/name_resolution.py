import random

for name in ("example.com", "gateway.docker.internal", "host.docker.internal"):
    refused(f"{name} was resolved", socket.getaddrinfo, name, 443)
# A query is a message to the outside by itself: 33 random letters would leave the machine.
letters = "".join(random.choice("abcdef0123456789") for _ in range(33))
query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + bytes([33]) + letters.encode() + b"\x07example\x03com\x00\x00\x01\x00\x01"
servers = {"127.0.0.11", "127.0.0.53", "1.1.1.1", "8.8.8.8"}
try:
    for line in open("/etc/resolv.conf"):
        words = line.split()
        if words[:1] == ["nameserver"]:
            servers.add(words[1])
except OSError:
    pass


def ask(server):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        s.connect((server, 53))
        s.send(query)
        if server.startswith("127."):
            return s.recv(512)
    return None


for server in servers:
    refused(f"a query could be sent to {server}", ask, server)
finish()
