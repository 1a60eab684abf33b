//! A sandbox as its shim finds it, so that the server can refuse one that is weaker than it was ordered.

use serde::{Deserialize, Serialize};

/// `seccomp_mode` of a process that may make any system call.
pub const SECCOMP_DISABLED: u8 = 0;
/// `seccomp_mode` of a process under a filter: what every sandbox should show.
pub const SECCOMP_FILTER: u8 = 2;
/// Stands for the interfaces of a shim that did not report them; equal to no interface a server would allow.
pub const UNKNOWN_INTERFACE: &str = "unknown";

/// What confines the shim, and so the agent it starts. What is not reported counts as not confined: the default is
/// the weakest posture there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Posture {
    /// The effective user id: the workspace's owner, never root.
    pub uid: u32,
    /// The effective group id.
    pub gid: u32,
    /// The capability sets: all empty in a sandbox.
    pub capabilities: Capabilities,
    /// Whether a setuid program gains nothing.
    pub no_new_privs: bool,
    /// The seccomp mode as the kernel numbers it.
    pub seccomp_mode: u8,
    /// The network interfaces: only `lo` in a sandbox.
    pub interfaces: Vec<String>,
    /// Everything that is mounted, in the order it was.
    pub mounts: Vec<Mount>,
    /// The resource limits that matter.
    pub limits: Limits,
    /// The memory group's limit; none if there is none or it cannot be seen.
    pub memory_limit_bytes: Option<u64>,
    /// The pids group's limit; none if there is none or it cannot be seen.
    pub pids_limit: Option<u64>,
    /// `st_dev` of what is mounted as the workspace.
    pub workspace_device: u64,
    /// `st_ino` of what is mounted as the workspace.
    pub workspace_inode: u64,
    /// Whether a process of the same user may look into the shim's memory, environment and descriptors.
    pub dumpable: bool,
}

/// The five capability sets of a process, one bit for each capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// What it may do now.
    pub effective: u64,
    /// What it may make effective.
    pub permitted: u64,
    /// What it hands to a program whose file inherits.
    pub inheritable: u64,
    /// What it can ever gain.
    pub bounding: u64,
    /// What it hands to any program.
    pub ambient: u64,
}

/// One mounted filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Where it is mounted. Bytes that are not UTF-8 are replaced.
    pub target: String,
    /// Its type, such as `overlay` or `tmpfs`.
    pub fstype: String,
    /// The options of this mount, such as `nosuid`.
    pub options: Vec<String>,
    /// The options of the filesystem, such as `size=64k`.
    pub super_options: Vec<String>,
    /// Whether nothing can be written here, because this mount or its filesystem is read-only.
    pub read_only: bool,
}

/// The resource limits a sandbox sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Open files.
    pub nofile: Limit,
    /// Bytes of a core dump.
    pub core: Limit,
    /// Pending signals.
    pub sigpending: Limit,
    /// Bytes of locked memory.
    pub memlock: Limit,
}

/// A soft and a hard limit; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// What holds now.
    pub soft: Option<u64>,
    /// How far the soft limit may be raised.
    pub hard: Option<u64>,
}

impl Capabilities {
    /// No capability in any set: what a sandbox should have.
    pub const NONE: Self = Self { effective: 0, permitted: 0, inheritable: 0, bounding: 0, ambient: 0 };
    /// Every capability in every set: what counts for a process that did not report them.
    pub const ALL: Self =
        Self { effective: u64::MAX, permitted: u64::MAX, inheritable: u64::MAX, bounding: u64::MAX, ambient: u64::MAX };
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::ALL
    }
}

impl Default for Posture {
    fn default() -> Self {
        Self {
            uid: 0,
            gid: 0,
            capabilities: Capabilities::ALL,
            no_new_privs: false,
            seccomp_mode: SECCOMP_DISABLED,
            interfaces: vec![UNKNOWN_INTERFACE.to_owned()],
            mounts: Vec::new(),
            limits: Limits::default(),
            memory_limit_bytes: None,
            pids_limit: None,
            workspace_device: 0,
            workspace_inode: 0,
            dumpable: true,
        }
    }
}

impl Posture {
    /// The mount that is seen at `target`: the last one there covers the others.
    pub fn find_mount(&self, target: &str) -> Option<&Mount> {
        self.mounts.iter().rev().find(|mount| mount.target == target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_reported_counts_as_not_confined() {
        let silent: Posture = serde_json::from_str("{}").unwrap();
        assert_eq!(silent.capabilities, Capabilities::ALL);
        assert_eq!(silent.interfaces, [UNKNOWN_INTERFACE]);
        assert!(silent.dumpable && !silent.no_new_privs);
    }

    #[test]
    fn a_field_of_a_later_version_is_ignored() {
        let later: Posture = serde_json::from_str(r#"{"uid":1000,"landlock":true}"#).unwrap();
        assert_eq!(later.uid, 1000);
    }

    #[test]
    fn the_last_mount_at_a_place_is_the_one_that_is_seen() {
        let at = |fstype: &str| Mount { target: "/tmp".to_owned(), fstype: fstype.to_owned(), ..Mount::default() };
        let posture = Posture { mounts: vec![at("ext4"), at("tmpfs")], ..Posture::default() };
        assert_eq!(posture.find_mount("/tmp").unwrap().fstype, "tmpfs");
        assert_eq!(posture.find_mount("/home"), None);
    }
}
