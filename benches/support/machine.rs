//! What the machine has left: memory, processes, room on its disk.

use std::fs;

use crate::support::Result;

/// What the machine has left at one moment.
pub(crate) struct Machine {
    available_bytes: u64,
    processes: usize,
    free_bytes: u64,
}

/// What other work on the machine may take or give meanwhile.
const NOISE_BYTES: u64 = 512 << 20;
const NOISE_PROCESSES: usize = 40;

impl Machine {
    /// Looks now.
    pub(crate) fn look() -> Result<Self> {
        let memory = fs::read_to_string("/proc/meminfo")?;
        let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:")).ok_or("no MemAvailable")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let processes =
            fs::read_dir("/proc")?.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_number));
        let disk = rustix::fs::statvfs(std::env::temp_dir())?;
        Ok(Self {
            available_bytes: kibibytes << 10,
            processes: processes.count(),
            free_bytes: disk.f_bavail * disk.f_frsize,
        })
    }

    /// Whether it has again what it had `before`, but for the workspace's own files, which are the tenant's to keep.
    pub(crate) fn is_like(&self, before: &Self) -> bool {
        const KEPT_BYTES: u64 = 2 << 30;
        self.available_bytes + NOISE_BYTES >= before.available_bytes
            && self.processes <= before.processes + NOISE_PROCESSES
            && self.free_bytes + KEPT_BYTES >= before.free_bytes
    }
}
