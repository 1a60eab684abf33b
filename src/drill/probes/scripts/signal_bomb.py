most, sent = 4096, 0
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
LIBC.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
try:
    while sent <= most + 64:
        call("sigqueue", LIBC.sigqueue(os.getpid(), signal.SIGRTMIN, None))
        sent += 1
    broke(f"{sent} signals could be left waiting where {most} are allowed")
except OSError as error:
    expect("the end was another than the limit's", error.errno == errno.EAGAIN)
finish()
