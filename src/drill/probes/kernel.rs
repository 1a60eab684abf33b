//! The kernel's own doors: system calls, capabilities, other users.

use crate::drill::probe::{Attempt, Class, Probe};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "system_calls",
        class: Class::Kernel,
        attack: "io_uring, bpf, userfaultfd, keys, namespaces, mounts, modules, VSOCK to the hypervisor",
        guard: "the seccomp profile",
        attempt: Attempt::script(include_str!("scripts/system_calls.py")),
    },
    Probe {
        id: "thirty_two_bit",
        class: Class::Kernel,
        attack: "32-bit system calls, which a filter of 64-bit ones does not see",
        guard: "the seccomp profile knows no other architecture",
        attempt: Attempt::script(include_str!("scripts/thirty_two_bit.py")),
    },
    Probe {
        id: "futex_requeue_pi",
        class: Class::Kernel,
        attack: "futex operations that requeue waiters onto a priority-inheriting lock, with every flag",
        guard: "the seccomp profile allows futex operations one by one",
        attempt: Attempt::script(include_str!("scripts/futex_requeue_pi.py")),
    },
    Probe {
        id: "capabilities",
        class: Class::Kernel,
        attack: "whatever a capability would allow: chown, chroot, raw sockets, mounts, the clock",
        guard: "all capabilities dropped, from every set",
        attempt: Attempt::script(include_str!("scripts/capabilities.py")),
    },
    Probe {
        id: "identity",
        class: Class::Kernel,
        attack: "being, or becoming, root or another tenant's user",
        guard: "the sandbox runs as the workspace's owner, never below 1000",
        attempt: Attempt::script(include_str!("scripts/identity.py")),
    },
];
