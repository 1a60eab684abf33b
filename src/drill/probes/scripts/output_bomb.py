# Nobody acknowledges what is said here, so the agent must come to a halt, and what was taken must be little.
import fcntl

line, said = b"x" * 65535 + b"\n", 0
fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_NONBLOCK)
stuck = time.monotonic()
began = stuck
while time.monotonic() < stuck + 0.7 and time.monotonic() < began + 6:
    try:
        said += os.write(1, line)
        stuck = time.monotonic()
    except BlockingIOError:
        time.sleep(0.01)
with open("/workspace/said.part", "w") as file:
    file.write(str(said))
os.rename("/workspace/said.part", "/workspace/said")
os._exit(0)
