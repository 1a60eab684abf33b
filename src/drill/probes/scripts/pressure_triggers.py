# A trigger is a descriptor that was opened for writing and told a threshold; closing it waits for the kernel's other readers.
PLACES = ["/proc/pressure"]
for root, _, names in os.walk("/sys/fs/cgroup"):
    if any(name.endswith(".pressure") for name in names):
        PLACES.append(root)
for place in PLACES:
    for name in ("cpu", "io", "memory", "irq"):
        path = f"{place}/{name}" if place == "/proc/pressure" else f"{place}/{name}.pressure"
        trigger = refused(f"{path} can be opened for writing", os.open, path, os.O_RDWR | os.O_NONBLOCK)
        if trigger is not None:
            refused(f"{path} takes a trigger", os.write, trigger, b"some 500000 2000000\0")
            os.close(trigger)
finish()
