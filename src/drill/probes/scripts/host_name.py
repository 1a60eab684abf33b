expect("the sandbox has the host's name", socket.gethostname() != ASKED["host_name"])
expect("the sandbox has the host's domain", open("/proc/sys/kernel/domainname").read().strip() in ("", "(none)", "localdomain"))
finish()
