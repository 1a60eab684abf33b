def number(x86, other):
    return x86 if X86 else other


null = ctypes.c_void_p(0)
buffer = ctypes.create_string_buffer(256)
NEW_USER, NEW_NET = 0x10000000, 0x40000000


def is_open(name, *arguments):
    """A call is filtered when it fails with EPERM or ENOSYS, whatever it is given."""
    tried()
    try:
        syscall(*arguments)
        broke(f"{name} is allowed")
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS):
            broke(f"{name} reaches the kernel ({errno.errorcode.get(error.errno)})")


is_open("io_uring_setup", 425, 4, buffer)
is_open("bpf", number(321, 280), 99, buffer, 64)
is_open("userfaultfd", number(323, 282), 0xffff)
is_open("keyctl", number(250, 219), 0, -3, 0)
is_open("add_key", number(248, 217), null, null, null, 0, 0)
is_open("perf_event_open", number(298, 241), buffer, 0, -1, -1, 0)
is_open("process_vm_readv", number(310, 270), os.getpid(), null, 0, null, 0, 0)
is_open("memfd_secret", 447, 0xffff)
is_open("open_by_handle_at", number(304, 265), -1, buffer, 0)
is_open("kexec_load", number(246, 104), 0, 0, null, 0)
is_open("init_module", number(175, 105), null, 0, null)
is_open("mount", number(165, 40), null, null, null, 0, null)
is_open("pivot_root", number(155, 41), null, null)
is_open("setns", number(308, 268), -1, 0)
is_open("fsopen", 430, null, 0)
is_open("move_mount", 429, -1, null, -1, null, 0)
is_open("open_tree", 428, -1, null, 1)
is_open("clone3", 435, null, 0)
if X86:
    is_open("modify_ldt", 154, 0, null, 0)
    is_open("iopl", 172, 3)


def namespace(flag):
    if os.fork() == 0:
        try:
            syscall(number(272, 97), flag)
            os._exit(1)
        except OSError:
            os._exit(0)
    return os.wait()[1] == 0


expect("a user namespace could be made", namespace(NEW_USER))
expect("a user and a network namespace could be made", namespace(NEW_USER | NEW_NET))
refused("a VSOCK socket, which leads to the hypervisor, could be made", socket.socket, 40, socket.SOCK_STREAM, 0)
for family in (38, 29, 21, 31, 44):
    refused(f"a socket of the family {family} could be made", socket.socket, family, socket.SOCK_DGRAM, 0)
expect("no filter of system calls is in force", any(line.split() == ["Seccomp:", "2"] for line in open("/proc/self/status")))
finish()
