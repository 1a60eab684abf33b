most, children = ASKED["limits"]["pids"], []
try:
    for _ in range(most * 2):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
    broke(f"{len(children)} processes were made where {most} are allowed")
except OSError:
    pass
expect("the limit is not kept", len(children) < most)
for pid in children:
    os.kill(pid, signal.SIGKILL)
for pid in children:
    os.waitpid(pid, 0)
expect("after the bomb nothing can be started", in_child(lambda: None) == 0)
finish()
