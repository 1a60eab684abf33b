for place, directories, names in os.walk("/"):
    directories[:] = [d for d in directories if os.path.join(place, d) not in ("/proc", "/sys", "/usr", "/etc", "/dev/pts")]
    for name in names:
        path = os.path.join(place, name)
        tried()
        try:
            if stat.S_ISREG(os.lstat(path).st_mode) and os.stat(path).st_size < 4096 and ASKED["needle"] in open(path, errors="replace").read():
                broke(f"a neighbour's file can be read: {path}")
        except OSError:
            pass
for path in ("/proc/1/root/workspace/secret", "/workspace/../secret", f"{ASKED['path']}/secret", "/workspace/secret"):
    refused(f"a neighbour's file can be read: {path}", lambda: open(path).read())
finish()
