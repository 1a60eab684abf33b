def way(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((address, 80))


for address in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "192.0.0.192"):
    refused(f"there is a way to the metadata service at {address}", way, address)
refused("the metadata service answered", lambda: socket.create_connection(("169.254.169.254", 80), 1))
refused("metadata.google.internal was resolved", socket.getaddrinfo, "metadata.google.internal", 80)
finish()
