# Children whose parents are gone are the shim's to bury; unburied they would use up the processes.
most = ASKED["limits"]["pids"]
for _ in range(most * 2):
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
deadline = time.monotonic() + 5
while time.monotonic() < deadline:
    dead = 0
    for name in os.listdir("/proc"):
        try:
            dead += name.isdigit() and open(f"/proc/{name}/stat").read().split(") ")[1][0] == "Z"
        except OSError:
            pass
    if not dead:
        break
    time.sleep(0.02)
expect(f"{dead} dead processes are left", not dead)
finish()
