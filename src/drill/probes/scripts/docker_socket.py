OURS = {"/run/innkeeper/model.sock", "/run/innkeeper/shim.sock"}
found = set()
for place, directories, names in os.walk("/"):
    directories[:] = [d for d in directories if os.path.join(place, d) not in ("/proc", "/sys", "/usr")]
    for name in names:
        path = os.path.join(place, name)
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode) and path not in OURS:
                found.add(path)
        except OSError:
            pass
for path in found:
    broke(f"a socket of the host is here: {path}")


def ask(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(0.5)
        s.connect(path)
        s.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        answer = s.recv(4096)
        if b"Docker" in answer or b"Api-Version" in answer:
            return answer
        raise OSError(errno.EPROTO, "no Docker")


for path in found | OURS | {"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"}:
    refused(f"an engine answers at {path}", ask, path)
for port in (2375, 2376):
    refused(f"an engine answers on port {port}", lambda: socket.create_connection(("127.0.0.1", port), 1))
finish()
