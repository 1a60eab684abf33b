OURS = ("/workspace", "/tmp", "/home/agent", "/dev/shm", "/dev/mqueue", "/proc", "/sys", "/dev/pts")
for place, directories, _ in os.walk("/"):
    directories[:] = [d for d in directories if not os.path.join(place, d).startswith(OURS)]
    if place.count("/") > 4:
        directories[:] = []
    name = os.path.join(place, ".drill")
    if refused(f"a file could be made in {place}", lambda: os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)) is not None:
        os.unlink(name)
for path in ("/etc/passwd", "/usr/local/bin/claude", "/usr/local/bin/innkeeper-shim", "/etc/ld.so.preload", "/run/innkeeper/x"):
    refused(f"{path} could be opened to write", os.open, path, os.O_WRONLY | os.O_CREAT)
expect("the root is not mounted read-only", os.statvfs("/").f_flag & os.ST_RDONLY)
finish()
