//! The drill: every probe holds on this machine, and each can fail, because the one guard it is about is taken away.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::process::Command;

use crate::harness::{Server, docker, eventually};

/// Where Docker is.
const DOCKER: &str = "/var/run/docker.sock";

/// How many drills are held at the same time.
const PARALLEL: usize = 2;

/// Takes a guard away: changes what Docker is asked for. Also given where the drill keeps its data.
type Weaken = fn(&mut Value, &Path);

/// A probe, and what takes its guard away.
struct Weakness(&'static str, &'static str, Weaken);

const WEAKNESSES: &[Weakness] = &[
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
    Weakness("shared_memory_bomb", "the size of /dev/shm", |body, _| {
        body["HostConfig"]["ShmSize"] = json!(1_i64 << 30);
    }),
    Weakness("descriptor_bomb", "the limit of open files", |body, _| ulimit(body, "nofile", 10_000)),
    Weakness("signal_bomb", "the limit of waiting signals", |body, _| ulimit(body, "sigpending", 20_000)),
    Weakness("locked_memory", "the limit of locked memory", |body, _| ulimit(body, "memlock", 4 << 20)),
    Weakness("core_dump", "no cores", |body, _| ulimit(body, "core", 1 << 20)),
];

/// What needs root on the host to be attacked at all.
const OF_ROOT: &[&str] = &["device_nodes", "nested_mount"];

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
fn another_workspace(body: &mut Value, data: &Path) -> Metadata {
    let rival = tenants(data).into_iter().find(|tenant| tenant.join("secret").exists()).unwrap();
    let mounts = body["HostConfig"]["Mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["Target"] != "/workspace");
    mounts.push(json!({"Type": "bind", "Source": rival, "Target": "/workspace"}));
    rival.metadata().unwrap()
}

/// An installation whose way to Docker leads through the test.
struct Installation {
    data: TempDir,
    /// The image of its sandboxes, when it is not everybody's.
    image: Option<String>,
}

impl Installation {
    /// One whose sandboxes are made as `weaken` says.
    fn new(weaken: Option<Weaken>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(data.path().join("proxy.sock")).unwrap();
        let engine = reqwest::Client::builder().no_proxy().unix_socket(DOCKER).build().unwrap();
        let path: Arc<Path> = data.path().into();
        let app = Router::new().fallback(async move |request: axum::extract::Request| {
            let (head, body) = request.into_parts();
            let mut body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
            if let Some(weaken) = weaken.filter(|_| head.uri.path().ends_with("/containers/create")) {
                let mut asked: Value = serde_json::from_slice(&body).unwrap();
                weaken(&mut asked, &path);
                body = asked.to_string().into();
            }
            pass_on(&engine, head, body).await
        });
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { data, image: None }
    }

    /// Holds a drill, and answers whether the program says that all held, and its report.
    async fn drill(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.program(&[&["--json"], arguments].concat()).output().await.unwrap();
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.success(), report)
    }

    /// The program, about to hold a drill.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("INNKEEPER_DATA_DIR", self.data.path());
        command.env("INNKEEPER_ENGINE__ENDPOINT", self.endpoint());
        if let Some(image) = self.image.clone().or_else(sandbox_image) {
            command.env("INNKEEPER_ENGINE__IMAGE", image);
        }
        command.arg("drill").args(arguments).kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Where it finds Docker.
    fn endpoint(&self) -> String {
        format!("unix://{}/proxy.sock", self.data.path().display())
    }

    /// What the drill has left where it was held.
    fn left(&self) -> Vec<PathBuf> {
        let places = ["drill", "sandboxes"].map(|name| std::fs::read_dir(self.data.path().join(name)));
        places.into_iter().flatten().flatten().map(|entry| entry.unwrap().path()).collect()
    }
}

/// The image to test, where it is not the usual one: the same variable names it to scripts/image.sh.
fn sandbox_image() -> Option<String> {
    std::env::var_os("SANDBOX_IMAGE")?.into_string().ok()
}

/// Hands a request on to Docker, and its answer back as it comes.
async fn pass_on(engine: &reqwest::Client, head: Parts, body: Bytes) -> Response {
    let url = format!("http://docker{}", head.uri);
    let mut request = engine.request(head.method, url).body(body);
    if let Some(kind) = head.headers.get("content-type") {
        request = request.header("content-type", kind);
    }
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in
        answer.headers().iter().filter(|(name, _)| !matches!(name.as_str(), "transfer-encoding" | "connection"))
    {
        response = response.header(name, value);
    }
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}

#[tokio::test]
async fn every_probe_holds_on_this_machine_and_nothing_is_left() {
    let installation = Installation::new(None);
    let kept = installation.data.path().join("report.json");
    let (all_held, report) = installation.drill(&["--report", kept.to_str().unwrap()]).await;
    let probes = report["probes"].as_array().unwrap();
    let not_held: Vec<_> = probes.iter().filter(|probe| probe["outcome"] != "held").collect();
    assert!(all_held && not_held.is_empty(), "{not_held:#?}");
    assert!(probes.len() >= 40, "{}", probes.len());
    assert_eq!(installation.left(), Vec::<PathBuf>::new());
    let written: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(written, report);
    let dated: Vec<_> = std::fs::read_dir(installation.data.path().join("drills")).unwrap().collect();
    assert_eq!(dated.len(), 1);
}

#[tokio::test]
async fn every_probe_breaks_when_its_guard_is_taken_away() {
    let is_root = rustix::process::geteuid().is_root();
    let chosen = std::env::var_os("DRILL_WEAKNESS").map(|name| name.into_string().unwrap());
    let weaknesses = WEAKNESSES.iter().filter(|Weakness(probe, ..)| is_root || !OF_ROOT.contains(probe));
    let weaknesses = weaknesses.filter(|Weakness(probe, ..)| chosen.as_ref().is_none_or(|name| name == probe));
    let attempts: Vec<_> = weaknesses
        .map(|&Weakness(probe, guard, weaken)| async move {
            let installation = Installation::new(Some(weaken));
            let (all_held, report) = installation.drill(&["--only", probe]).await;
            let found = report["probes"][0].clone();
            let broke = !all_held && found["probe"] == probe && found["outcome"] == "broke";
            (!broke).then(|| format!("without {guard}: {found}"))
        })
        .collect();
    let missed: Vec<_> = stream::iter(attempts).buffered(PARALLEL).filter_map(async |missed| missed).collect().await;
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The wall behind the first: the shim sees that another directory was mounted, and starts nothing.
#[tokio::test]
async fn another_directory_in_the_workspaces_place_is_held_by_the_shim() {
    let swap: Weaken = |body, data| {
        another_workspace(body, data);
    };
    let (all_held, report) = Installation::new(Some(swap)).drill(&["--only", "swapped_workspace"]).await;
    assert!(all_held, "{report}");
}

/// An agent that is not told to leave the repository's settings alone.
const FORGETFUL: &str = r#"RUN mv /usr/local/bin/claude /usr/local/bin/claude.real \
 && printf '%s\n' '#!/bin/bash' 'for each; do case $each in --setting-sources=*|--strict-mcp-config) ;; *) kept+=("$each");; esac; done' \
    'exec /usr/local/bin/claude.real "${kept[@]}"' > /usr/local/bin/claude && chmod 0755 /usr/local/bin/claude
"#;

/// The traps of the repository are real ones: an agent that is started with the repository's settings walks into them.
#[tokio::test]
async fn a_repository_is_heard_when_the_agent_is_started_with_its_settings() {
    let base = sandbox_image().unwrap_or_else(|| "innkeeper-sandbox:latest".to_owned());
    let image = format!("innkeeper-drill-test:{}", std::process::id());
    let mut installation = Installation::new(None);
    std::fs::write(installation.data.path().join("Dockerfile"), format!("FROM {base}\n{FORGETFUL}")).unwrap();
    let place = installation.data.path().join("Dockerfile");
    let empty = installation.data.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    docker(&["build", "--quiet", "--tag", &image, "--file", place.to_str().unwrap(), empty.to_str().unwrap()]).await;
    installation.image = Some(image.clone());
    let (all_held, report) = installation.drill(&["--only", "repository_settings"]).await;
    docker(&["rmi", &image]).await;
    let seen = report["probes"][0]["seen"].as_str().unwrap_or_default();
    assert!(!all_held, "{report}");
    for words in ["settings-session", "settings-prompt", "local-session", "mcp", "CLAUDE.md says"] {
        assert!(seen.contains(words), "{words} is not in {seen}");
    }
}

#[tokio::test]
async fn a_probe_or_class_that_there_is_not_is_refused_by_its_name() {
    let installation = Installation::new(None);
    for arguments in [["--only", "fork_bom"], ["--class", "bombs"]] {
        let output = installation.program(&arguments).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(arguments[1]) && said.contains("--list"), "{said}");
    }
    let listed = installation.program(&["--list"]).output().await.unwrap();
    assert!(listed.status.success() && String::from_utf8(listed.stdout).unwrap().contains("fork_bomb"));
}

#[tokio::test]
async fn a_server_holds_a_drill_when_it_has_started_and_tells_of_each_probe() {
    let server = Server::start_with(&[("drill.at_start", "true")]).await;
    let key = server.operator_key.clone().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let metrics = eventually(async || {
        let request = http.get(format!("{}/metrics", server.operator_url)).header("x-api-key", &key);
        let metrics = request.send().await.unwrap().text().await.unwrap();
        metrics.contains("innkeeper_drill_last_run_timestamp_seconds ").then_some(metrics)
    })
    .await;
    let passed: Vec<_> = metrics.lines().filter(|line| line.starts_with("innkeeper_drill_probe_passed{")).collect();
    assert!(passed.len() >= 40 && passed.iter().all(|line| line.ends_with("} 1")), "{passed:#?}");
    assert!(passed.iter().any(|line| line.contains(r#"probe="fork_bomb""#)));
    assert!(server.log().contains("every probe held"));
}

/// What an operator must not miss.
#[tokio::test]
async fn a_server_whose_sandboxes_do_not_hold_says_so_aloud() {
    let weak: Weaken = |body, _| body["HostConfig"]["ReadonlyRootfs"] = json!(false);
    let installation = Installation::new(Some(weak));
    let endpoint = installation.endpoint();
    let settings = [("drill.at_start", "true"), ("drill.parallel", "3"), ("engine.endpoint", &endpoint)];
    let server = Server::start_with(&settings).await;
    eventually(async || server.log().contains("DO NOT HOLD").then_some(())).await;
    let log = server.log();
    for words in ["a probe of the drill did not hold", "innkeeper drill --only root_filesystem", "ERROR"] {
        assert!(log.contains(words), "{words} is not in the log");
    }
}
