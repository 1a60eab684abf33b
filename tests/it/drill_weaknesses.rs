//! The guards of the drill's probes, and how each is taken away: what Docker is asked for is changed on its way.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::drill_installation::DOCKER;

/// Takes a guard away: changes what Docker is asked for. Also given where the drill keeps its data.
pub(crate) type Weaken = fn(&mut Value, &Path);

/// A probe, its guard, and what takes it away.
pub(crate) struct Weakness(pub(crate) &'static str, pub(crate) &'static str, pub(crate) Weaken);

/// A guard for each probe that one setting of the sandbox stands for.
pub(crate) const WEAKNESSES: &[Weakness] = &[
    Weakness("posture", "a root file system that can be written", |body, _| {
        body["HostConfig"]["ReadonlyRootfs"] = json!(false);
    }),
    Weakness("root_filesystem", "a root file system that can be written", |body, _| {
        body["HostConfig"]["ReadonlyRootfs"] = json!(false);
    }),
    Weakness("foreign_mounts", "a directory of the host", |body, data| mount(body, data, "/mnt")),
    Weakness("nested_mount", "a workspace that is mounted alone", |body, data| {
        let tenant = tenants(data).into_iter().find(|tenant| tenant.join("inner").exists()).unwrap();
        let mounts = body["HostConfig"]["Mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["Target"] != "/workspace");
        mount(body, &tenant, "/workspace");
    }),
    Weakness("docker_socket", "Docker's socket", |body, _| mount(body, Path::new(DOCKER), "/run/mount/docker.sock")),
    Weakness("setuid_program", "no-new-privileges", |body, _| drop_option(body, "no-new-privileges")),
    Weakness("device_nodes", "the rules on devices", |body, _| {
        body["HostConfig"]["DeviceCgroupRules"] = json!(["a *:* rwm"]);
    }),
    Weakness("file_ownership", "the workspace's owner as user", |body, _| root_with(body, &["DAC_OVERRIDE"])),
    Weakness("swapped_workspace", "the directory that was opened, and the shim's check", |body, data| {
        let rival = another_workspace(body, data);
        let env = body["Env"].as_array_mut().unwrap();
        env.retain(|variable| !variable.as_str().unwrap().starts_with("INNKEEPER_WORKSPACE"));
        env.push(json!(format!("INNKEEPER_WORKSPACE_DEVICE={}", rival.dev())));
        env.push(json!(format!("INNKEEPER_WORKSPACE_INODE={}", rival.ino())));
    }),
    Weakness("hidden_kernel_files", "masked paths", |body, _| body["HostConfig"]["MaskedPaths"] = json!([])),
    Weakness("pressure_triggers", "masked paths", |body, _| body["HostConfig"]["MaskedPaths"] = json!([])),
    Weakness("kernel_settings", "read-only paths", |body, _| body["HostConfig"]["ReadonlyPaths"] = json!([])),
    Weakness("control_groups", "a private view of control groups", |body, _| {
        body["HostConfig"]["CgroupnsMode"] = json!("host");
    }),
    Weakness("foreign_processes", "a process table of its own", |body, _| {
        body["HostConfig"]["PidMode"] = json!("host");
    }),
    Weakness("shim_secrets", "a user without capabilities", all_powerful),
    Weakness("host_name", "a host name of its own", |body, _| body["HostConfig"]["UTSMode"] = json!("host")),
    Weakness("system_calls", "the seccomp profile", without_seccomp),
    Weakness("thirty_two_bit", "the seccomp profile", without_seccomp),
    Weakness("futex_requeue_pi", "the rule for each futex operation", any_futex),
    Weakness("capabilities", "dropped capabilities", |body, _| body["HostConfig"]["CapDrop"] = json!([])),
    Weakness("identity", "an ordinary user", |body, _| body["User"] = json!("0:0")),
    Weakness("network_interfaces", "no network", |body, _| network(body, "bridge")),
    Weakness("name_resolution", "no network", |body, _| network(body, "bridge")),
    Weakness("metadata_service", "no network", |body, _| network(body, "bridge")),
    Weakness("host_services", "a network of its own", |body, _| network(body, "host")),
    Weakness("neighbour_files", "no other tenant's directory", every_tenant),
    Weakness("neighbour_processes", "a process table of its own", |body, _| {
        body["HostConfig"]["PidMode"] = json!("host");
    }),
    Weakness("neighbour_sockets", "a network of its own", |body, _| network(body, "host")),
    Weakness("neighbour_memory", "private IPC", |body, _| body["HostConfig"]["IpcMode"] = json!("host")),
    Weakness("model_key", "no file of the server's", |body, data| {
        let file = data.join("key");
        std::fs::write(&file, "sk-ant-api03-0123456789abcdefghijklmnop").unwrap();
        mount(body, &file, "/etc/key");
    }),
    Weakness("forged_output", "a user without capabilities", all_powerful),
    Weakness("repository_settings", "no settings of somebody else", |body, data| {
        let hook = json!([{"hooks": [{"type": "command", "command": "touch /workspace/sprung-by-policy"}]}]);
        let settings = json!({"hooks": {"SessionStart": hook, "UserPromptSubmit": hook}});
        std::fs::write(data.join("managed-settings.json"), settings.to_string()).unwrap();
        mount(body, &data.join("managed-settings.json"), "/etc/claude-code/managed-settings.json");
    }),
    Weakness("fork_bomb", "the limit of processes", |body, _| body["HostConfig"]["PidsLimit"] = json!(-1)),
    Weakness("memory_bomb", "the limit of memory", |body, _| {
        (body["HostConfig"]["Memory"], body["HostConfig"]["MemorySwap"]) = (json!(0), json!(0));
    }),
    Weakness("processor_bomb", "the limit of processor time", |body, _| body["HostConfig"]["NanoCpus"] = json!(0)),
    Weakness("processor_priority", "a user without capabilities", |body, _| root_with(body, &["SYS_NICE"])),
    Weakness("memory_priority", "the out-of-memory score", |body, _| body["HostConfig"]["OomScoreAdj"] = json!(0)),
    Weakness("scratch_bomb", "the size of the scratch space", |body, _| scratch(body, "size=")),
    Weakness("inode_bomb", "the number of files of the scratch space", |body, _| scratch(body, "nr_inodes=")),
    Weakness("shared_memory_bomb", "the size of /dev/shm", |body, _| scratch(body, "size=")),
    Weakness("shared_memory_bomb", "the number of files of /dev/shm", |body, _| scratch(body, "nr_inodes=")),
    Weakness("descriptor_bomb", "the limit of open files", |body, _| ulimit(body, "nofile", 10_000)),
    Weakness("signal_bomb", "the limit of waiting signals", |body, _| ulimit(body, "sigpending", 20_000)),
    Weakness("locked_memory", "the limit of locked memory", |body, _| ulimit(body, "memlock", 4 << 20)),
    Weakness("core_dump", "no cores", |body, _| ulimit(body, "core", 1 << 20)),
];

/// What needs root on the host to be attacked at all.
pub(crate) const OF_ROOT: &[&str] = &["device_nodes", "nested_mount"];

fn mount(body: &mut Value, source: &Path, target: &str) {
    let mount = json!({"Type": "bind", "Source": source, "Target": target});
    body["HostConfig"]["Mounts"].as_array_mut().unwrap().push(mount);
}

fn drop_option(body: &mut Value, option: &str) {
    body["HostConfig"]["SecurityOpt"].as_array_mut().unwrap().retain(|kept| kept != option);
}

fn without_seccomp(body: &mut Value, _: &Path) {
    let options = body["HostConfig"]["SecurityOpt"].as_array_mut().unwrap();
    options.retain(|kept| !kept.as_str().unwrap().starts_with("seccomp="));
    options.push(json!("seccomp=unconfined"));
}

/// Allows `futex` whatever its operation is, and leaves the rest of the profile as it is.
fn any_futex(body: &mut Value, _: &Path) {
    for option in body["HostConfig"]["SecurityOpt"].as_array_mut().unwrap() {
        let Some(profile) = option.as_str().unwrap().strip_prefix("seccomp=") else { continue };
        let mut profile: Value = serde_json::from_str(profile).unwrap();
        let rules = profile["syscalls"].as_array_mut().unwrap();
        rules.retain(|rule| rule["names"][0] != "futex");
        rules.push(json!({"names": ["futex"], "action": "SCMP_ACT_ALLOW"}));
        *option = json!(format!("seccomp={profile}"));
    }
}

fn network(body: &mut Value, mode: &str) {
    body["NetworkDisabled"] = json!(false);
    body["HostConfig"]["NetworkMode"] = json!(mode);
}

fn all_powerful(body: &mut Value, data: &Path) {
    root_with(body, &["DAC_OVERRIDE", "SYS_PTRACE"]);
    without_seccomp(body, data);
}

fn root_with(body: &mut Value, capabilities: &[&str]) {
    body["User"] = json!("0:0");
    body["HostConfig"]["CapAdd"] = json!(capabilities);
}

fn ulimit(body: &mut Value, name: &str, most: i64) {
    let limits = body["HostConfig"]["Ulimits"].as_array_mut().unwrap();
    limits.retain(|limit| limit["Name"] != name);
    limits.push(json!({"Name": name, "Soft": most, "Hard": most}));
}

fn scratch(body: &mut Value, option: &str) {
    for place in body["HostConfig"]["Tmpfs"].as_object_mut().unwrap().values_mut() {
        let kept: Vec<_> = place.as_str().unwrap().split(',').filter(|kept| !kept.starts_with(option)).collect();
        *place = json!(kept.join(","));
    }
}

/// The directories of the tenants that a drill under way has made.
fn tenants(data: &Path) -> Vec<PathBuf> {
    let inside = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    inside(&data.join("drill")).iter().flat_map(|ground| inside(ground)).collect()
}

fn every_tenant(body: &mut Value, data: &Path) {
    for (at, tenant) in tenants(data).iter().enumerate() {
        mount(body, tenant, &format!("/mnt/{at}"));
    }
}

/// Mounts the directory with the secret in the place of the one that was opened.
pub(crate) fn another_workspace(body: &mut Value, data: &Path) -> Metadata {
    let rival = tenants(data).into_iter().find(|tenant| tenant.join("secret").exists()).unwrap();
    let mounts = body["HostConfig"]["Mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["Target"] != "/workspace");
    mounts.push(json!({"Type": "bind", "Source": rival, "Target": "/workspace"}));
    rival.metadata().unwrap()
}
