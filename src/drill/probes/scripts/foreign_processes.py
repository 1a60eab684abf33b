known = set()
for name in os.listdir("/proc"):
    if not name.isdigit():
        continue
    try:
        comm = open(f"/proc/{name}/comm").read().strip()
        owner = os.stat(f"/proc/{name}").st_uid
    except OSError:
        continue
    known.add(comm)
    expect(f"a process of somebody else is seen: {name} {comm}", comm in ("innkeeper-shim", "python3") or comm.startswith("innkeeper-sh"))
expect("PID 1 is not the shim", open("/proc/1/comm").read().startswith("innkeeper-sh"))
finish()
