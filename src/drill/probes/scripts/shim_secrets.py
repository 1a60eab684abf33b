# PID 1 knows the token that proves who speaks for the sandbox. It runs as the same user as this script.
if not open("/proc/1/comm").read().startswith("innkeeper-sh"):
    broke("PID 1 is not the shim")
    finish()


def read(path):
    with open(path, "rb") as file:
        return file.read(16)


refused("the shim's environment, and the token in it, can be read", read, "/proc/1/environ")
refused("the shim's memory can be opened", os.open, "/proc/1/mem", os.O_RDWR)
refused("the shim's memory map can be read", read, "/proc/1/maps")
refused("the shim's descriptors can be listed", os.listdir, "/proc/1/fd")
refused("the shim's program can be found", os.readlink, "/proc/1/exe")
refused("the shim's program can be read", read, "/usr/local/bin/innkeeper-shim")
for number in range(16):
    refused(f"the shim's descriptor {number} can be opened", os.open, f"/proc/1/fd/{number}", os.O_WRONLY)
LIBC.ptrace.restype = ctypes.c_long
# In a child, because a tracer's end lets go; seized, because a shim that is stopped could not tell of it.
traced = in_child(lambda: call("ptrace", LIBC.ptrace(0x4206, 1, None, None)))
expect("the shim can be traced", traced != 0)
refused("the shim's descriptors can be taken", lambda: syscall(438, os.pidfd_open(1), 0, 0))
for name in ("SIGKILL", "SIGSTOP"):
    try:
        os.kill(1, getattr(signal, name))
    except OSError:
        pass
time.sleep(0.05)
expect("the shim could be stopped", open("/proc/1/stat").read().split(") ")[1][0] in "SRD")
# Whoever connects without the token is no shim.
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(1)
    tried()
    try:
        s.connect("/run/innkeeper/shim.sock")
        s.sendall(b"\x00" * 64)
        if s.recv(64):
            broke("the server answered somebody who is not the shim")
    except OSError:
        pass
finish()
