for line in open("/proc/self/cgroup"):
    number, controllers, path = line.rstrip("\n").split(":", 2)
    expect(f"the sandbox sees where its control group lies on the host: {controllers or 'unified'} {path}", path == "/")
for root, target, options, kind, _, _ in mounts():
    if kind.startswith("cgroup"):
        expect(f"{target} can be written", "ro" in options)
        refused(f"a control group could be made in {target}", os.mkdir, f"{target}/drill")
for name in ("devices.allow", "release_agent", "notify_on_release", "cgroup.procs"):
    for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/devices", "/sys/fs/cgroup/memory"):
        refused(f"{place}/{name} can be written", os.open, f"{place}/{name}", os.O_WRONLY)
finish()
