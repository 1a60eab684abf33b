//! The bound the kernel sets to a process's memory, by a control group, where the machine lets us make one.

use std::path::PathBuf;

use crate::support::Result;

/// The control group of a process; removed when dropped.
pub(crate) struct Bounds {
    pid: u32,
    group: Option<PathBuf>,
}

impl Bounds {
    /// Gives the process `memory_bytes`.
    pub(crate) fn set(pid: u32, memory_bytes: u64) -> Self {
        let group = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
            .into_iter()
            .find_map(|(root, limit)| {
                let group = PathBuf::from(root).join(format!("innkeeper-abuse-{pid}"));
                std::fs::create_dir(&group).ok()?;
                let bounded = std::fs::write(group.join(limit), memory_bytes.to_string())
                    .and_then(|()| std::fs::write(group.join("cgroup.procs"), pid.to_string()));
                if bounded.is_err() {
                    drop(std::fs::remove_dir(&group));
                }
                bounded.is_ok().then_some(group)
            });
        if group.is_none() {
            println!("no control group could be made: memory is measured, and not bounded\n");
        }
        Self { pid, group }
    }

    /// The most memory the process had resident, in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the process has ended")?;
        Ok(peak.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            // Fails while the process lives: an empty group costs nothing.
            drop(std::fs::remove_dir(group));
        }
    }
}
