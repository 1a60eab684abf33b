WRITES = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/panic_on_oom", "/proc/sysrq-trigger",
          "/proc/sys/fs/binfmt_misc/register", "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper",
          "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/memory.max",
          "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/devices/devices.allow"]
for path in WRITES:
    refused(f"{path} can be written", os.open, path, os.O_WRONLY)
for path in ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/sys"):
    if os.path.exists(path):
        expect(f"{path} is not mounted read-only", os.statvfs(path).f_flag & os.ST_RDONLY)
finish()
