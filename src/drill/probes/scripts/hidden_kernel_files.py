# What tells about the machine and its other guests. Absent, refused and empty are all well.
FILES = ["kcore", "keys", "timer_list", "interrupts", "cmdline", "config.gz", "diskstats", "kallsyms", "kmsg", "modules",
         "partitions", "slabinfo", "swaps", "version", "zoneinfo", "sched_debug", "latency_stats", "acpi", "scsi"]
for name in FILES:
    path = f"/proc/{name}"
    tried()
    try:
        if os.path.isdir(path):
            contents = os.listdir(path)
        else:
            with open(path, "rb") as file:
                contents = file.read(256)
        if contents:
            broke(f"{path} can be read")
    except OSError:
        pass
for path in ("/sys/firmware", "/sys/class/dmi", "/sys/block", "/sys/module", "/sys/kernel", "/sys/devices/virtual/powercap"):
    tried()
    try:
        if os.listdir(path):
            broke(f"{path} can be listed")
    except OSError:
        pass
finish()
