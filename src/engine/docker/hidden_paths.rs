//! The parts of `/proc` and `/sys` a sandbox does not see, or sees but cannot write.
//!
//! A list given to Docker replaces its own, so Docker's own comes first in each.

/// What a sandbox sees as empty: Docker's own list, then whatever tells about the machine and its other guests.
pub(super) const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    // Innkeeper's own.
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/diskstats",
    "/proc/kallsyms",
    "/proc/kmsg",
    "/proc/modules",
    "/proc/partitions",
    // Whoever can open these for writing can register triggers, and a process that closes thousands of them cannot be killed
    // for minutes.
    "/proc/pressure",
    "/proc/slabinfo",
    "/proc/swaps",
    "/proc/version",
    "/proc/zoneinfo",
    "/sys/block",
    "/sys/class/dmi",
    "/sys/dev/block",
    "/sys/devices/virtual/dmi",
    "/sys/fs/ext4",
    "/sys/kernel",
    "/sys/module",
];

/// What a sandbox may read but not write: Docker's own list.
pub(super) const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
