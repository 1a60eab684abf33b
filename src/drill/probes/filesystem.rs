//! Reaching files beside the workspace, and leaving dangerous ones in it.

use std::fs::{Permissions, symlink_metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use rustix::fs::{CWD, Dev, FileType, Mode, makedev, mknodat};
use serde_json::json;

use super::{nested, paths, roots};
use crate::drill::bench::{Bench, unclear};
use crate::drill::ground::{Ground, Tenant};
use crate::drill::outcome::Outcome;
use crate::drill::probe::{Attempt, Class, Probe, Size};

pub(super) const PROBES: &[Probe] = &[
    Probe {
        id: "workspace_paths",
        class: Class::Filesystem,
        attack: "a cwd with `..`, links, /proc, other file systems, files, devices, pipes, sockets or odd names",
        guard: "openat2 below the root: BENEATH, NO_SYMLINKS, NO_MAGICLINKS, NO_XDEV",
        attempt: Attempt::Around(|bench| Box::pin(async move { paths::probe(bench) })),
    },
    Probe {
        id: "root_policy",
        class: Class::Filesystem,
        attack: "a tenant's root that holds the server, the engine's socket, the machine or another tenant",
        guard: "the check of roots when a tenant is made",
        attempt: Attempt::Around(|bench| Box::pin(async move { roots::probe(bench) })),
    },
    Probe {
        id: "root_filesystem",
        class: Class::Filesystem,
        attack: "writing anywhere but the workspace and the scratch space",
        guard: "a read-only root file system",
        attempt: Attempt::script(include_str!("scripts/root_filesystem.py")),
    },
    Probe {
        id: "foreign_mounts",
        class: Class::Filesystem,
        attack: "something of the host that is mounted beside what was ordered",
        guard: "mounts made by the spec alone, never recursive, scratch space nosuid and nodev",
        attempt: Attempt::script(include_str!("scripts/foreign_mounts.py")),
    },
    Probe {
        id: "nested_mount",
        class: Class::Filesystem,
        attack: "a file system that is mounted below the workspace, and would come along",
        guard: "the workspace is mounted alone, not what is mounted below it",
        attempt: Attempt::Around(|bench| Box::pin(nested::probe(bench))),
    },
    Probe {
        id: "docker_socket",
        class: Class::Filesystem,
        attack: "an engine's socket inside the sandbox, or an engine behind another",
        guard: "no socket is mounted but the sandbox's own two",
        attempt: Attempt::script(include_str!("scripts/docker_socket.py")),
    },
    Probe {
        id: "setuid_program",
        class: Class::Filesystem,
        attack: "a set-uid program of root's in the workspace or the image",
        guard: "no-new-privileges; no such program in the image",
        attempt: Attempt::Around(|bench| Box::pin(setuid_program(bench))),
    },
    Probe {
        id: "device_nodes",
        class: Class::Filesystem,
        attack: "the host's disks and memory as devices: found, made, or left in the workspace",
        guard: "the device control group, no CAP_MKNOD, the engine's own short /dev",
        attempt: Attempt::Around(|bench| Box::pin(device_nodes(bench))),
    },
    Probe {
        id: "file_ownership",
        class: Class::Filesystem,
        attack: "files, set-uid ones too, that belong to somebody else on the host afterwards",
        guard: "the sandbox runs as the workspace's owner",
        attempt: Attempt::Around(|bench| Box::pin(file_ownership(bench))),
    },
];

async fn setuid_program(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let script = include_str!("scripts/setuid_program.py");
    let round = async |round, made| {
        bench.run_for(&tenant, Size::Ordered, script, json!({ "round": round, "made": made })).await
    };
    let left = round(1, false).await;
    if !left.held() {
        return left;
    }
    let made = make_roots(&tenant);
    round(2, made).await.and(bench.returned(&tenant).await)
}

/// Makes the program that was left in the workspace root's own and set-uid, as far as this process can.
fn make_roots(tenant: &Tenant) -> bool {
    let program = tenant.path("program");
    let is_plain = symlink_metadata(&program).is_ok_and(|found| found.is_file());
    is_plain
        && chown(&program, Some(0), Some(0)).is_ok()
        && std::fs::set_permissions(&program, Permissions::from_mode(0o4755)).is_ok()
}

async fn device_nodes(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let disk = symlink_metadata("/").map(|root| root.dev()).unwrap_or_default();
    let nodes = [
        ("disk", FileType::BlockDevice, disk),
        ("memory", FileType::CharacterDevice, makedev(1, 1)),
        ("kernel-log", FileType::CharacterDevice, makedev(1, 11)),
        ("random-disk", FileType::BlockDevice, makedev(7, 0)),
    ];
    let made =
        nodes.into_iter().filter(|&(name, kind, device)| Ground::is_roots() && node(&tenant, name, kind, device));
    let names: Vec<_> = made.map(|(name, ..)| name).collect();
    let script = include_str!("scripts/device_nodes.py");
    bench.run_for(&tenant, Size::Ordered, script, json!({ "nodes": names })).await.and(bench.returned(&tenant).await)
}

/// Leaves a device in the workspace that anybody may open, as a careless restore of a backup would.
fn node(tenant: &Tenant, name: &str, kind: FileType, device: Dev) -> bool {
    let path = tenant.path(name);
    mknodat(CWD, &path, kind, Mode::from(0o666), device).is_ok()
        && std::fs::set_permissions(&path, Permissions::from_mode(0o666)).is_ok()
}

async fn file_ownership(bench: &Bench) -> Outcome {
    let tenant = match bench.ground.tenant() {
        Ok(tenant) => tenant,
        Err(error) => return unclear("a tenant's directory could not be made", &error),
    };
    let made = bench.run_for(&tenant, Size::Ordered, include_str!("scripts/file_ownership.py"), json!({})).await;
    if !made.held() {
        return made;
    }
    let mut seen = Vec::new();
    for name in ["file", "directory", "link", "pipe"] {
        match symlink_metadata(tenant.path(name)) {
            Ok(found) if (found.uid(), found.gid()) == (tenant.uid, tenant.gid) => {}
            Ok(found) => seen.push(format!("the {name} belongs to {}:{}", found.uid(), found.gid())),
            Err(error) => return unclear(&format!("the {name} is not there"), &error),
        }
    }
    Outcome::broke_if_any(&seen).and(bench.returned(&tenant).await)
}
