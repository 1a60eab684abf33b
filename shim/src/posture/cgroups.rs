//! What the control groups of this process say, in version 1, in version 2, and where both are mixed.

use std::fs;
use std::path::{Path, PathBuf};

use super::mounts::{self, MountPoint};

/// Version 1 says "no limit" with the largest number of pages; anything from here on is no limit.
const NO_LIMIT_BYTES: u64 = 1 << 62;

/// Where this process's groups are, as far as they can be seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cgroups {
    /// The memory group of version 1.
    pub(super) memory: Option<PathBuf>,
    /// The pids group of version 1.
    pub(super) pids: Option<PathBuf>,
    /// The group of version 1 that counts processor time.
    pub(super) cpuacct: Option<PathBuf>,
    /// The group of version 2.
    pub(super) unified: Option<PathBuf>,
}

/// Counts processes that were killed for want of memory.
#[derive(Debug)]
pub(crate) struct OomKills {
    cgroups: Cgroups,
    before: u64,
    told: u64,
}

impl Cgroups {
    /// Looks for the groups of this process.
    pub(crate) fn find() -> Self {
        let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::locate(&memberships, &mounts::read())
    }

    fn locate(memberships: &str, mounts: &[MountPoint]) -> Self {
        let mut found = Self::default();
        for line in memberships.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                continue;
            };
            if controllers.is_empty() {
                found.unified = directory(path, mounts, |mount| mount.fstype == "cgroup2");
            }
            for (name, place) in
                [("memory", &mut found.memory), ("pids", &mut found.pids), ("cpuacct", &mut found.cpuacct)]
            {
                if controllers.split(',').any(|controller| controller == name) {
                    *place = directory(path, mounts, |mount| {
                        mount.fstype == "cgroup" && mount.super_options.iter().any(|option| option == name)
                    });
                }
            }
        }
        found
    }

    /// The memory limit, if there is one.
    pub(super) fn memory_limit_bytes(&self) -> Option<u64> {
        let limit = number(self.memory.as_deref(), "memory.limit_in_bytes")
            .or_else(|| number(self.unified.as_deref(), "memory.max"));
        limit.filter(|bytes| *bytes < NO_LIMIT_BYTES)
    }

    /// The limit of processes and threads, if there is one.
    pub(super) fn pids_limit(&self) -> Option<u64> {
        number(self.pids.as_deref(), "pids.max").or_else(|| number(self.unified.as_deref(), "pids.max"))
    }

    /// How many processes of the group were ever killed for want of memory, if that can be seen.
    fn oom_kills(&self) -> Option<u64> {
        entry(self.memory.as_deref(), "memory.oom_control", "oom_kill")
            .or_else(|| entry(self.unified.as_deref(), "memory.events", "oom_kill"))
    }
}

impl OomKills {
    /// Counts from now on.
    pub(crate) fn count_from_now() -> Self {
        let cgroups = Cgroups::find();
        let before = cgroups.oom_kills().unwrap_or(0);
        Self { cgroups, before, told: 0 }
    }

    /// How many there were so far; none if that cannot be seen.
    pub(crate) fn so_far(&self) -> Option<u64> {
        Some(self.cgroups.oom_kills()?.saturating_sub(self.before))
    }

    /// How many there were since this was asked before; none if there were none, or that cannot be seen.
    pub(crate) fn news(&mut self) -> Option<u64> {
        let so_far = self.so_far()?;
        let killed = so_far.saturating_sub(self.told);
        self.told = so_far;
        (killed > 0).then_some(killed)
    }
}

/// The directory of the group at `path`, in the mount that `is_hierarchy` recognizes. The mount may show only a part
/// of the hierarchy, which begins at its root.
fn directory(
    path: &str,
    mounts: &[MountPoint],
    is_hierarchy: impl Fn(&innkeeper_shim::protocol::Mount) -> bool,
) -> Option<PathBuf> {
    let point = mounts.iter().find(|point| is_hierarchy(&point.mount))?;
    let below = Path::new(path).strip_prefix(&point.root).unwrap_or(Path::new(""));
    Some(Path::new(&point.mount.target).join(below))
}

/// The number that is all a file of a group holds.
pub(super) fn number(directory: Option<&Path>, file: &str) -> Option<u64> {
    fs::read_to_string(directory?.join(file)).ok()?.trim().parse().ok()
}

/// The number behind `name` in a file of a group that holds several.
pub(super) fn entry(directory: Option<&Path>, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(directory?.join(file)).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &[u8] = b"1 0 0:1 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
        2 0 0:2 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n\
        3 0 0:3 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n";
    const VERSION_2: &[u8] = b"1 0 0:1 / /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n";

    #[test]
    fn groups_of_version_1_are_found_with_and_without_a_namespace() {
        let expected = Cgroups {
            memory: Some("/sys/fs/cgroup/memory".into()),
            pids: Some("/sys/fs/cgroup/pids".into()),
            cpuacct: Some("/sys/fs/cgroup/cpu,cpuacct".into()),
            unified: None,
        };
        let mounts = mounts::parse(VERSION_1);
        let shared = "9:memory:/docker/abc\n8:cpu,pids:/docker/abc\n7:cpuacct,cpu:/docker/abc\n0::/docker/abc\n";
        assert_eq!(Cgroups::locate(shared, &mounts), expected);
        assert_eq!(Cgroups::locate("9:memory:/\n8:pids:/\n7:cpu,cpuacct:/\n", &mounts), expected);
    }

    #[test]
    fn the_group_of_version_2_is_found_below_its_mount() {
        let found = Cgroups::locate("0::/user/session\n", &mounts::parse(VERSION_2));
        assert_eq!(found.unified, Some("/sys/fs/cgroup/user/session".into()));
        assert_eq!(found.memory, None);
    }

    #[test]
    fn a_kill_is_news_once() {
        let directory = tempfile::tempdir().unwrap();
        let write = |text| fs::write(directory.path().join("memory.events"), text).unwrap();
        let cgroups = Cgroups { unified: Some(directory.path().to_owned()), ..Cgroups::default() };
        let mut kills = OomKills { cgroups, before: 2, told: 0 };
        assert_eq!(kills.news(), None);
        write("oom_kill 2\n");
        assert_eq!(kills.news(), None);
        write("oom_kill 5\n");
        assert_eq!((kills.news(), kills.news()), (Some(3), None));
        write("oom_kill 6\n");
        assert_eq!((kills.news(), kills.so_far()), (Some(1), Some(4)));
    }

    #[test]
    fn limits_and_kills_are_read_in_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        let write = |file: &str, text| fs::write(directory.path().join(file), text).unwrap();
        let path = Some(directory.path().to_owned());
        let version_1 = Cgroups { memory: path.clone(), pids: path.clone(), ..Cgroups::default() };
        let version_2 = Cgroups { unified: path, ..Cgroups::default() };
        assert_eq!(version_1.oom_kills(), None);

        write("memory.limit_in_bytes", "9223372036854771712\n");
        write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
        write("memory.events", "oom 7\noom_kill 4\noom_group_kill 1\n");
        write("memory.max", "1073741824\n");
        write("pids.max", "max\n");
        assert_eq!((version_1.memory_limit_bytes(), version_1.oom_kills()), (None, Some(3)));
        assert_eq!((version_2.memory_limit_bytes(), version_2.oom_kills()), (Some(1 << 30), Some(4)));
        assert_eq!(version_2.pids_limit(), None);
        write("pids.max", "512\n");
        assert_eq!((version_1.pids_limit(), version_2.pids_limit()), (Some(512), Some(512)));
    }
}
