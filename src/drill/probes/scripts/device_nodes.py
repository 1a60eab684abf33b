SAFE = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)}
for place, directories, names in os.walk("/dev"):
    for name in names:
        path = os.path.join(place, name)
        status = os.lstat(path)
        if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
            continue
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        expect(f"{path} is the device {device}", stat.S_ISCHR(status.st_mode) and (device in SAFE or device[0] == 136))
for name, number in (("block", (8, 0)), ("loop", (7, 0)), ("memory", (1, 1)), ("kmsg", (1, 11))):
    kind = stat.S_IFBLK if name in ("block", "loop") else stat.S_IFCHR
    path = f"/workspace/made-{name}"
    refused(f"the device {number} could be made", os.mknod, path, kind | 0o666, os.makedev(*number))
for name in ASKED["nodes"]:
    refused(f"a device that lay in the workspace could be opened: {name}", os.open, f"/workspace/{name}", os.O_RDONLY)
finish()
