refused("a neighbour's System V memory was found", lambda: call("shmget", LIBC.shmget(ASKED["key"], 4096, 0)))
segments = open("/proc/sysvipc/shm").read().splitlines()[1:]
expect(f"{len(segments)} pieces of somebody else's System V memory are seen", not segments)
refused("a neighbour's /dev/shm can be read", lambda: open("/dev/shm/drill-secret").read())
expect(f"/dev/shm holds {os.listdir('/dev/shm')[:3]}", not os.listdir("/dev/shm"))
expect(f"/dev/mqueue holds {os.listdir('/dev/mqueue')[:3]}", not os.listdir("/dev/mqueue"))
finish()
