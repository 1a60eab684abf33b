most = ASKED["limits"]["scratch_bytes"]
for place in ("/tmp", "/home/agent"):
    space = os.statvfs(place)
    size = space.f_blocks * space.f_frsize
    expect(f"{place} holds {size >> 20} MiB where {most >> 20} MiB are allowed", size <= most + space.f_frsize)


def fill():
    handle = os.open("/tmp/fill", os.O_CREAT | os.O_WRONLY)
    written, piece = 0, b"x" * (4 << 20)
    while written <= most:
        written += os.write(handle, piece)
    os._exit(42)


if most <= 1 << 30 and not SEEN:
    status = in_child(fill)
    expect("more could be written than is allowed", not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 42))
finish()
