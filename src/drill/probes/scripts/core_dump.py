import resource

expect(f"a core may be dumped: {resource.getrlimit(resource.RLIMIT_CORE)}", resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))
refused("the limit could be raised", resource.setrlimit, resource.RLIMIT_CORE, (1 << 20, 1 << 20))
os.chdir("/workspace")
status = in_child(lambda: os.kill(os.getpid(), signal.SIGQUIT))
expect("a core was dumped", os.WIFSIGNALED(status) and not os.WCOREDUMP(status) and not [f for f in os.listdir(".") if "core" in f])
finish()
