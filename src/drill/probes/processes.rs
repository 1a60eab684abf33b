//! Other processes, and what `/proc` and `/sys` tell and take.

use crate::drill::probe::{Attempt, Class, Probe};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "hidden_kernel_files",
        class: Class::Processes,
        attack: "reading what tells about the machine and its other guests",
        guard: "masked paths",
        attempt: Attempt::script(include_str!("scripts/hidden_kernel_files.py")),
    },
    Probe {
        id: "pressure_triggers",
        class: Class::Processes,
        attack: "registering pressure triggers, thousands of which make a process that cannot be killed for minutes",
        guard: "masked paths, and a read-only view of control groups",
        attempt: Attempt::script(include_str!("scripts/pressure_triggers.py")),
    },
    Probe {
        id: "kernel_settings",
        class: Class::Processes,
        attack: "changing the kernel's settings, core_pattern and release_agent among them",
        guard: "read-only paths, and an ordinary user without capabilities",
        attempt: Attempt::script(include_str!("scripts/kernel_settings.py")),
    },
    Probe {
        id: "control_groups",
        class: Class::Processes,
        attack: "seeing or changing control groups, of the sandbox or of the host",
        guard: "a private, read-only view of control groups",
        attempt: Attempt::script(include_str!("scripts/control_groups.py")),
    },
    Probe {
        id: "foreign_processes",
        class: Class::Processes,
        attack: "seeing a process of the host",
        guard: "a process table of its own",
        attempt: Attempt::script(include_str!("scripts/foreign_processes.py")),
    },
    Probe {
        id: "shim_secrets",
        class: Class::Processes,
        attack: "reading the shim's token through /proc, tracing it, stopping it, speaking in its place",
        guard: "the shim is execute-only and not dumpable, PID 1, and known by its token",
        attempt: Attempt::script(include_str!("scripts/shim_secrets.py")),
    },
    Probe {
        id: "host_name",
        class: Class::Processes,
        attack: "learning the host's name",
        guard: "a host name of its own",
        attempt: Attempt::script(include_str!("scripts/host_name.py")),
    },
];
