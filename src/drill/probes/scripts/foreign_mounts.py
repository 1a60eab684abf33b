OURS = {"/workspace", "/run/innkeeper", "/etc/passwd", "/etc/group", "/etc/hosts", "/tmp", "/home/agent", "/", "/dev",
        "/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/sys", "/etc/hostname", "/etc/resolv.conf", "/dev/console"}
WRITABLE = {"/workspace", "/tmp", "/home/agent", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/dev/console"}
for root, target, options, kind, source, _ in mounts():
    inside = target.startswith(("/proc/", "/sys/"))
    expect(f"{target} is mounted: {root} of {source} ({kind})", target in OURS or inside)
    # What is hidden has /dev/null over it, which takes everything and keeps nothing.
    is_closed = "ro" in options or inside and (root == "/null" or not os.access(target, os.W_OK))
    expect(f"{target} can be written", target in WRITABLE or is_closed)
    if target in ("/tmp", "/home/agent", "/dev/shm"):
        expect(f"{target} lets set-uid programs or devices in", {"nosuid", "nodev"} <= set(options))
expect("something is mounted below the workspace", not any(m[1].startswith("/workspace/") for m in mounts()))
for door in ("/proc/1/root/etc/shadow", "/proc/1/cwd", "/host", "/rootfs", "/var/lib/docker"):
    refused(f"{door} can be listed or read", lambda: os.listdir(door) if os.path.isdir(door) else open(door).read())
finish()
