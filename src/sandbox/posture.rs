//! Whether a sandbox is what was ordered: the shim's report of what it finds, held against the order.
//!
//! Some engines silently drop a security field they do not know. So nothing is believed: an agent starts only in a
//! sandbox that shows every wall that was ordered.

use std::path::Path;
use std::sync::LazyLock;

use innkeeper_shim::protocol::{Capabilities, Posture, SECCOMP_FILTER};

use crate::spawner::Confinement;

/// Where the kernel takes pressure triggers. A process that holds thousands of them cannot be killed for minutes.
const PRESSURE: &str = "/proc/pressure";

/// Whether this machine's kernel has them.
static HAS_PRESSURE: LazyLock<bool> = LazyLock::new(|| Path::new(PRESSURE).exists());

/// What is weaker in a sandbox than it was ordered, for operators; empty when nothing is.
pub(super) fn weaknesses(found: &Posture, ordered: &Confinement) -> Vec<String> {
    let (workspace, limits) = (ordered.workspace, ordered.limits);
    let root_is_read_only =
        found.mounts.iter().rev().find(|mount| mount.target == "/").is_some_and(|root| root.read_only);
    let within = |found: Option<u64>, ordered: i64| {
        found.is_some_and(|limit| i64::try_from(limit).is_ok_and(|limit| limit <= ordered))
    };
    let hides_pressure = found.mounts.iter().any(|mount| mount.target == PRESSURE);
    let checks = [
        (
            found.uid == workspace.uid && found.gid == workspace.gid,
            format!("it runs as {}:{}, not {}:{}", found.uid, found.gid, workspace.uid, workspace.gid),
        ),
        (found.capabilities == Capabilities::NONE, format!("it has capabilities: {:x?}", found.capabilities)),
        (found.no_new_privs, "a setuid program would gain privileges".to_owned()),
        (found.seccomp_mode == SECCOMP_FILTER, "no seccomp filter is in force".to_owned()),
        (
            found.interfaces.iter().all(|name| name == "lo"),
            format!("it has a network: {}", found.interfaces.join(", ")),
        ),
        (root_is_read_only, "its root filesystem can be written".to_owned()),
        (
            hides_pressure || !*HAS_PRESSURE,
            format!("its programs can register pressure triggers: {PRESSURE} is not masked"),
        ),
        (!found.dumpable, "its PID 1 can be looked into by the agent's tools".to_owned()),
        (
            within(found.memory_limit_bytes, limits.memory_bytes),
            format!("its memory limit is {:?}", found.memory_limit_bytes),
        ),
        (within(found.pids_limit, limits.pids), format!("its limit of processes is {:?}", found.pids_limit)),
        (
            within(found.limits.nofile.hard, limits.open_files),
            format!("its limit of open files is {:?}", found.limits.nofile.hard),
        ),
        (
            (found.workspace_device, found.workspace_inode) == (workspace.device, workspace.inode),
            "another directory is mounted than the one that was opened".to_owned(),
        ),
    ];
    checks.into_iter().filter_map(|(holds, weakness)| (!holds).then_some(weakness)).collect()
}
