//! How the sandbox finds itself. What cannot be read keeps its default, the weakest there is, so that the server
//! refuses rather than trusts.

mod cgroups;
mod mounts;
mod resources;
mod status;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use innkeeper_shim::contract::Contract;
use innkeeper_shim::protocol::{Fault, FaultKind, Limit, Limits, Posture};
use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

pub(crate) use cgroups::{Cgroups, OomKills};
use mounts::MountPoint;

/// Looks at the sandbox this process is in.
pub(crate) fn read(workspace: &Path) -> Posture {
    let mut posture = Posture::default();
    if let Ok(text) = fs::read_to_string("/proc/self/status") {
        status::apply(&text, &mut posture);
    }
    if let Ok(text) = fs::read_to_string("/proc/net/dev") {
        posture.interfaces = interfaces(&text);
    }
    if let Ok(metadata) = fs::symlink_metadata(workspace) {
        posture.workspace_device = metadata.dev();
        posture.workspace_inode = metadata.ino();
    }
    let cgroups = Cgroups::find();
    posture.memory_limit_bytes = cgroups.memory_limit_bytes();
    posture.pids_limit = cgroups.pids_limit();
    posture.mounts = mounts::read().into_iter().map(|MountPoint { mount, .. }| mount).collect();
    posture.limits = limits();
    posture.dumpable = dumpable_behavior() != Ok(DumpableBehavior::NotDumpable);
    posture
}

/// Whether what is mounted as the workspace is what the server opened.
pub(crate) fn check_workspace(posture: &Posture, contract: &Contract) -> Result<(), Fault> {
    let found = (posture.workspace_device, posture.workspace_inode);
    let opened = (contract.workspace_device, contract.workspace_inode);
    if found == opened {
        return Ok(());
    }
    Err(Fault {
        kind: FaultKind::WorkspaceMismatch,
        message: format!(
            "the server opened device {} inode {}, but device {} inode {} is mounted",
            opened.0, opened.1, found.0, found.1
        ),
    })
}

/// The names in `/proc/net/dev`, below its two lines of headings.
fn interfaces(text: &str) -> Vec<String> {
    let names = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}

fn limits() -> Limits {
    let limit = |resource| {
        let limit = getrlimit(resource);
        Limit { soft: limit.current, hard: limit.maximum }
    };
    Limits {
        nofile: limit(Resource::Nofile),
        core: limit(Resource::Core),
        sigpending: limit(Resource::Sigpending),
        memlock: limit(Resource::Memlock),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_is_named() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n    lo:  12 1  12 1\n\
                    eth0.7@if9: 0 0 0 0\n";
        assert_eq!(interfaces(text), ["lo", "eth0.7@if9"]);
    }

    #[test]
    fn this_process_finds_itself() {
        let posture = read(Path::new("/"));
        let root = fs::metadata("/").unwrap();
        assert_eq!((posture.workspace_device, posture.workspace_inode), (root.dev(), root.ino()));
        assert_eq!(posture.uid, rustix::process::geteuid().as_raw());
        assert!(posture.find_mount("/").is_some());
        assert!(posture.interfaces.iter().any(|name| name == "lo"));
        assert!(posture.limits.nofile.soft.is_some());
    }
}
