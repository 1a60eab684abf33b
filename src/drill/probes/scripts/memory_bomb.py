import mmap

most = ASKED["limits"]["memory_bytes"]
step = 16 << 20
past, write = os.pipe()


def report(taken):
    if taken > most:
        os.write(write, b"x")
        os._exit(0)


def anonymous():
    kept, taken = [], 0
    while taken < most * 3 // 2:
        kept.append(mmap.mmap(-1, step))
        for page in range(0, step, 4096):
            kept[-1][page] = 1
        taken += step
        report(taken)


def shared():
    handle, taken = os.memfd_create("drill"), 0
    while taken < most * 3 // 2:
        taken += os.write(handle, b"x" * step)
        report(taken)


def system_v():
    segment = call("shmget", LIBC.shmget(0, ctypes.c_size_t(most * 3 // 2), 0o600))
    LIBC.shmat.restype = ctypes.c_void_p
    memory = LIBC.shmat(segment, None, 0)
    LIBC.shmctl(segment, 0, None)
    for taken in range(0, most * 3 // 2, step):
        ctypes.memset(memory + taken, 1, step)
        report(taken + step)


for name, work in (("memory", anonymous), ("a shared file", shared), ("System V memory", system_v)):
    in_child(work)
    os.set_blocking(past, False)
    tried()
    try:
        os.read(past, 1)
        broke(f"more than {most >> 20} MiB could be held as {name}")
    except BlockingIOError:
        pass
expect("the shim did not outlive it", open("/proc/1/comm").read().startswith("innkeeper-sh"))
finish()
