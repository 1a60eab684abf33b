//! From a [`SandboxSpec`] to the container Docker is asked for. Pure: every field that confines a sandbox is here.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum, ThrottleDevice,
};

use super::{hidden_paths, labels, mounts};
use crate::engine::{DiskBound, FIRST_USER, Labels, Limits, SandboxSpec, UnfitSpec};

/// Bytes of `/dev/shm`, which browsers and databases in tests use. Part of the memory limit. Mounted by us, because
/// Docker's own has no bound of files, and empty files take kernel memory.
const SHARED_MEMORY_BYTES: i64 = 64 << 20;

/// When the machine runs out of memory, sandboxes go before the server.
const OOM_SCORE_ADJ: i64 = 500;

/// The name Docker lists the container under. One session's epoch cannot be made twice.
pub(super) fn name(labels: &Labels) -> String {
    format!("innkeeper-{}-{}", labels.session, labels.epoch)
}

/// The container for `spec`. What it runs is the image's entrypoint, which is pinned by the image's id.
pub(super) fn container(spec: &SandboxSpec) -> Result<ContainerCreateBody, UnfitSpec> {
    if spec.uid < FIRST_USER {
        return Err(UnfitSpec::SystemUser(spec.uid));
    }
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        user: Some(format!("{}:{}", spec.uid, spec.gid)),
        working_dir: Some(mounts::WORKSPACE.to_owned()),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect()),
        labels: Some(labels::write(&spec.labels)),
        // Beside network mode `none` this spares the network hook, which is half the time of a start.
        network_disabled: Some(true),
        open_stdin: Some(false),
        tty: Some(false),
        stop_signal: Some("SIGTERM".to_owned()),
        host_config: Some(host_config(spec)?),
        ..Default::default()
    })
}

fn host_config(spec: &SandboxSpec) -> Result<HostConfig, UnfitSpec> {
    let limits = spec.limits;
    Ok(HostConfig {
        network_mode: Some("none".to_owned()),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned(), format!("seccomp={}", spec.seccomp)]),
        readonly_rootfs: Some(true),
        masked_paths: Some(owned(hidden_paths::MASKED)),
        readonly_paths: Some(owned(hidden_paths::READ_ONLY)),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        mounts: Some(mounts::all(spec)?),
        tmpfs: Some(scratch(spec)),
        memory: Some(limits.memory_bytes),
        // Memory and swap together: no swap.
        memory_swap: Some(limits.memory_bytes),
        nano_cpus: Some(limits.nano_cpus),
        cpu_shares: Some(spec.cpu_shares),
        pids_limit: Some(limits.pids),
        ulimits: Some(ulimits(limits)),
        blkio_device_write_iops: spec.disk.as_ref().map(|disk| vec![throttle(disk)]),
        oom_score_adj: Some(OOM_SCORE_ADJ),
        // The shim carries what the agent says: Docker would lose some of it, and fill the disk with the rest.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        // A second start would mount whatever the workspace's descriptor number has come to mean by then.
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        // How it ended must be readable afterwards.
        auto_remove: Some(false),
        // Said aloud because a daemon may put its own init before the shim by default.
        init: Some(false),
        runtime: spec.runtime.clone(),
        ..Default::default()
    })
}

/// The writable places besides the workspace. Docker's default for them is `noexec`, under which no build works.
fn scratch(spec: &SandboxSpec) -> HashMap<String, String> {
    let Limits { scratch_bytes, scratch_inodes, .. } = spec.limits;
    let (uid, gid) = (spec.uid, spec.gid);
    let sized = format!("rw,exec,nosuid,nodev,size={scratch_bytes},nr_inodes={scratch_inodes}");
    HashMap::from([
        ("/tmp".to_owned(), format!("{sized},mode=1777")),
        (
            "/dev/shm".to_owned(),
            format!("rw,noexec,nosuid,nodev,size={SHARED_MEMORY_BYTES},nr_inodes={scratch_inodes},mode=1777"),
        ),
        ("/home/agent".to_owned(), format!("{sized},mode=0700,uid={uid},gid={gid}")),
    ])
}

/// Limits of one process. None for processes: the kernel counts those per user, over all of a tenant's sandboxes.
fn ulimits(limits: Limits) -> Vec<ResourcesUlimits> {
    let both = |name: &str, most| ResourcesUlimits { name: Some(name.to_owned()), soft: Some(most), hard: Some(most) };
    vec![both("core", 0), both("nofile", limits.open_files), both("sigpending", 4096), both("memlock", 65536)]
}

/// A kernel that cannot keep this bound has Docker leave it out, with a warning.
fn throttle(disk: &DiskBound) -> ThrottleDevice {
    ThrottleDevice { path: disk.device.to_str().map(str::to_owned), rate: i64::try_from(disk.writes_per_second).ok() }
}

fn owned(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::sample_spec as spec;

    /// A field that goes missing here is a hole in every sandbox.
    #[test]
    fn a_container_is_confined() {
        insta::with_settings!({ sort_maps => true }, {
            insta::assert_json_snapshot!(container(&spec()).unwrap());
        });
    }

    #[test]
    fn a_container_is_named_after_its_session_and_epoch() {
        assert_eq!(name(&spec().labels), "innkeeper-7c9e6679-7425-40de-944b-e07fc1f90ae7-3");
    }

    #[test]
    fn a_user_of_the_system_is_refused() {
        for uid in [0, 33, 999] {
            let refused = container(&SandboxSpec { uid, ..spec() });
            assert!(matches!(refused, Err(UnfitSpec::SystemUser(user)) if user == uid));
        }
    }
}
