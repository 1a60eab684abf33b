//! What the sandbox uses at the moment, as its control groups count it.

use innkeeper_shim::protocol::Resources;

use super::cgroups::{Cgroups, entry, number};

const NANOS_PER_MICRO: u64 = 1_000;

impl Cgroups {
    /// What is used now. What cannot be seen is absent.
    pub(crate) fn resources(&self) -> Resources {
        Resources { memory_bytes: self.memory_bytes(), cpu_micros: self.cpu_micros(), pids: self.pids() }
    }

    /// The memory that could not be had back without work: all of it but cached files that nobody has used lately.
    fn memory_bytes(&self) -> Option<u64> {
        let (first, second) = (self.memory.as_deref(), self.unified.as_deref());
        let working_set = |used: u64, idle: Option<u64>| used.saturating_sub(idle.unwrap_or(0));
        number(first, "memory.usage_in_bytes")
            .map(|used| working_set(used, entry(first, "memory.stat", "total_inactive_file")))
            .or_else(|| {
                let used = number(second, "memory.current")?;
                Some(working_set(used, entry(second, "memory.stat", "inactive_file")))
            })
    }

    fn cpu_micros(&self) -> Option<u64> {
        number(self.cpuacct.as_deref(), "cpuacct.usage")
            .map(|nanos| nanos / NANOS_PER_MICRO)
            .or_else(|| entry(self.unified.as_deref(), "cpu.stat", "usage_usec"))
    }

    fn pids(&self) -> Option<u64> {
        number(self.pids.as_deref(), "pids.current").or_else(|| number(self.unified.as_deref(), "pids.current"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_used_is_read_in_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        let write = |file: &str, text| fs::write(directory.path().join(file), text).unwrap();
        let path = Some(directory.path().to_owned());
        let version_1 =
            Cgroups { memory: path.clone(), pids: path.clone(), cpuacct: path.clone(), ..Cgroups::default() };
        let version_2 = Cgroups { unified: path, ..Cgroups::default() };

        write("memory.usage_in_bytes", "209715200\n");
        write("memory.current", "104857600\n");
        write("memory.stat", "cache 9\ninactive_file 4857600\ntotal_inactive_file 9715200\n");
        write("cpuacct.usage", "2500000999\n");
        write("cpu.stat", "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n");
        write("pids.current", "7\n");
        let expected =
            |memory, micros| Resources { memory_bytes: Some(memory), cpu_micros: Some(micros), pids: Some(7) };
        assert_eq!(version_1.resources(), expected(200_000_000, 2_500_000));
        assert_eq!(version_2.resources(), expected(100_000_000, 1_500_000));
    }

    #[test]
    fn what_cannot_be_seen_is_absent() {
        assert_eq!(Cgroups::default().resources(), Resources::default());
        let directory = tempfile::tempdir().unwrap();
        let cgroups = Cgroups { unified: Some(directory.path().to_owned()), ..Cgroups::default() };
        assert_eq!(cgroups.resources(), Resources::default());
        fs::write(directory.path().join("pids.current"), "3\n").unwrap();
        fs::write(directory.path().join("memory.current"), "many\n").unwrap();
        assert_eq!(cgroups.resources(), Resources { pids: Some(3), ..Resources::default() });
    }

    #[test]
    fn memory_that_was_given_back_meanwhile_is_not_counted_below_nothing() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("memory.current"), "4096\n").unwrap();
        fs::write(directory.path().join("memory.stat"), "inactive_file 8192\n").unwrap();
        let cgroups = Cgroups { unified: Some(directory.path().to_owned()), ..Cgroups::default() };
        assert_eq!(cgroups.resources().memory_bytes, Some(0));
    }
}
