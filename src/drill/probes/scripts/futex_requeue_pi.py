"""Priority-inheriting requeues go wrong in the kernel again and again; glibc, musl, Go, Node and Rust use none."""
FUTEX = 202 if X86 else 98
WAKE, REQUEUE, LOCK_PI, UNLOCK_PI, WAIT_REQUEUE_PI, CMP_REQUEUE_PI = 1, 3, 6, 7, 11, 12
PRIVATE, CLOCK_REALTIME = 128, 256
# The kernel reads the lower half of the register alone, so the upper half must not hide an operation.
UPPER_HALF = 1 << 40
first, second = ctypes.c_uint32(0), ctypes.c_uint32(0)
null = ctypes.c_void_p(0)


def futex(operation, count, other):
    return syscall(FUTEX, ctypes.byref(first), ctypes.c_long(operation), ctypes.c_long(count), null, other, ctypes.c_long(0))


for name, operation in (("FUTEX_WAIT_REQUEUE_PI", WAIT_REQUEUE_PI), ("FUTEX_CMP_REQUEUE_PI", CMP_REQUEUE_PI)):
    for flags in (0, PRIVATE, CLOCK_REALTIME, PRIVATE | CLOCK_REALTIME):
        for upper in (0, UPPER_HALF):
            tried()
            try:
                # The kernel itself refuses these arguments at once, with EINVAL or the like: nothing ever waits.
                futex(operation | flags | upper, 0, ctypes.byref(first))
                broke(f"{name} with flags {flags} is allowed")
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOSYS):
                    broke(f"{name} with flags {flags} reaches the kernel ({errno.errorcode.get(error.errno)})")

# What programs do use goes on working: otherwise the guard is not the one meant.
for name, operation in (("FUTEX_WAKE", WAKE), ("FUTEX_REQUEUE", REQUEUE), ("FUTEX_LOCK_PI", LOCK_PI), ("FUTEX_UNLOCK_PI", UNLOCK_PI)):
    try:
        futex(operation | PRIVATE, 1, ctypes.byref(second))
    except OSError as error:
        broke(f"{name} is refused too ({errno.errorcode.get(error.errno)})")
finish()
