import resource

for line in open("/proc/self/status"):
    if line.startswith("Cap"):
        name, value = line.split()
        expect(f"a capability is left: {name} {value}", int(value, 16) == 0)
open("/workspace/file", "w").close()
refused("a file could be given to root", os.chown, "/workspace/file", 0, 0)
refused("the root could be changed", os.chroot, "/workspace")
refused("the host's name could be set", socket.sethostname, "drill")
refused("/etc/shadow can be read", lambda: open("/etc/shadow").read())
refused("a raw socket could be made", socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
refused("a packet socket could be made", socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0)
refused("the clock could be set", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))
refused("a file system could be mounted", lambda: call("mount", LIBC.mount(b"none", b"/workspace", b"tmpfs", 0, None)))
refused("the priority could be raised", os.setpriority, os.PRIO_PROCESS, 0, -5)
refused("a limit could be raised", resource.setrlimit, resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
finish()
