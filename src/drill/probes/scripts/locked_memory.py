import mmap
import resource

memory = mmap.mmap(-1, 8 << 20)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
refused("1 MiB of memory could be locked", lambda: call("mlock", LIBC.mlock(ctypes.c_void_p(address), ctypes.c_size_t(1 << 20))))
refused("the limit could be raised", resource.setrlimit, resource.RLIMIT_MEMLOCK, (1 << 20, 1 << 20))
finish()
