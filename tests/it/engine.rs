//! The Docker engine against a real Docker: what a process inside a sandbox is, sees and can do.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::{Command, Stdio};
use std::time::Duration;

use innkeeper::domain::{SessionId, TenantId};
use innkeeper::engine::docker::Docker;
use innkeeper::engine::{
    Engine, EngineId, Exit, FoundSandbox, Labels, Limits, ReadOnlyMount, SandboxSpec, TimeLimits, WorkspaceMount,
};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::OnceCell;

/// The program the sandboxes run.
const PROBE: &str = include_str!("../fixtures/probe.rs");

/// A sandbox to be, and everything of the host that belongs to it.
struct Inn {
    docker: Docker,
    spec: SandboxSpec,
    /// Holds the workspace and the directory of the socket.
    host: TempDir,
    /// The workspace as it was opened.
    workspace: File,
    /// Where the probe calls.
    listener: UnixListener,
}

/// A sandbox with the probe running in it.
struct Guest {
    id: EngineId,
    probe: BufStream<UnixStream>,
}

impl Inn {
    async fn new() -> Self {
        let docker =
            Docker::connect(None, TimeLimits::all(Duration::from_mins(1))).await.expect("these tests need Docker");
        let host = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid();
        let uid = if user.is_root() { 10001 } else { user.as_raw() };
        let directory = |name| {
            let path = host.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            path
        };
        let (workspace, run) = (directory("workspace"), directory("run"));
        chown(&workspace, Some(uid), None).unwrap();
        let listener = UnixListener::bind(run.join("probe.sock")).unwrap();
        fs::set_permissions(run.join("probe.sock"), Permissions::from_mode(0o666)).unwrap();
        let workspace = File::open(workspace).unwrap();
        let descriptor = format!("/proc/{}/fd/{}", std::process::id(), workspace.as_raw_fd());
        let session = SessionId::generate();
        let spec = SandboxSpec {
            labels: Labels { installation: format!("test-{session}"), tenant: TenantId::generate(), session, epoch: 1 },
            image: probe_image(&docker).await,
            uid,
            gid: 10002,
            env: Vec::new(),
            workspace: WorkspaceMount::Descriptor(descriptor.into()),
            mounts: vec![ReadOnlyMount { source: run, target: "/run/innkeeper" }],
            limits: Limits {
                memory_bytes: 64 << 20,
                nano_cpus: 500_000_000,
                pids: 32,
                open_files: 256,
                scratch_bytes: 16 << 20,
                scratch_inodes: 100,
            },
            cpu_shares: 256,
            disk: None,
            seccomp: include_str!("../../docker/seccomp.json").to_owned(),
            runtime: None,
        };
        Self { docker, spec, host, workspace, listener }
    }

    async fn start(&self) -> Guest {
        let id = self.docker.create(&self.spec).await.unwrap();
        self.docker.start(&id).await.unwrap();
        let (probe, _) = tokio::select! {
            called = self.listener.accept() => called.unwrap(),
            exit = self.docker.wait(&id) => panic!("the probe ended without a word: {exit:?}"),
        };
        Guest { id, probe: BufStream::new(probe) }
    }

    async fn list(&self) -> Vec<FoundSandbox> {
        self.docker.list(&self.spec.labels.installation).await.unwrap()
    }

    /// The names of the volumes Docker keeps for this test.
    fn volumes(&self) -> String {
        let filter = format!("label=innkeeper.installation={}", self.spec.labels.installation);
        docker(&["volume", "ls", "--quiet", "--filter", &filter], b"")
    }
}

/// A test that failed leaves nothing behind either.
impl Drop for Inn {
    fn drop(&mut self) {
        let name = format!("innkeeper-{}-{}", self.spec.labels.session, self.spec.labels.epoch);
        let removal = Command::new("docker").args(["rm", "--force", "--volumes", &name]).output();
        drop(removal);
    }
}

impl Guest {
    /// Asks the probe for something; `Err` holds why it could not.
    async fn ask(&mut self, request: &str) -> Result<String, String> {
        self.say(request).await;
        let mut answer = Vec::new();
        self.probe.read_until(0, &mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        match answer.trim_end_matches('\0').split_once(' ').expect("an answer") {
            ("ok", text) => Ok(text.to_owned()),
            (_, reason) => Err(reason.to_owned()),
        }
    }

    /// Asks the probe for something it does not return from.
    async fn say(&mut self, request: &str) {
        self.probe.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        self.probe.flush().await.unwrap();
    }

    async fn read(&mut self, path: &str) -> String {
        self.ask(&format!("read {path}")).await.unwrap()
    }

    /// The value of a field of `/proc/self/status`.
    async fn status(&mut self, field: &str) -> String {
        let status = self.read("/proc/self/status").await;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
        line.expect("a field of the status").to_owned()
    }

    /// What a file of the control group says, under its name of version 1 or of version 2.
    async fn limit(&mut self, version_1: &str, version_2: &str) -> String {
        let old = self.ask(&format!("read /sys/fs/cgroup/{version_1}")).await;
        let value = match old {
            Ok(value) => value,
            Err(_) => self.read(&format!("/sys/fs/cgroup/{version_2}")).await,
        };
        value.trim().to_owned()
    }
}

/// The id of an image that holds nothing but the probe, made when this Docker does not have it yet.
async fn probe_image(docker: &Docker) -> String {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let reference = format!("innkeeper-test-probe:{}", &blake3::hash(PROBE.as_bytes()).to_hex()[..16]);
    MADE.get_or_init(|| async {
        if docker.find_image(&reference).await.unwrap().is_none() {
            import_probe(&reference);
        }
    })
    .await;
    docker.find_image(&reference).await.unwrap().expect("it was just made").id
}

fn import_probe(reference: &str) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("probe");
    let flags = ["-", "--crate-name=probe", "--edition=2024", "-Cpanic=abort", "-Ctarget-feature=+crt-static", "-o"];
    run(Command::new("rustc").args(flags).arg(&program), PROBE.as_bytes());
    let archive = run(Command::new("tar").arg("--create").arg("--directory").arg(directory.path()).arg("probe"), b"");
    let entrypoint = r#"ENTRYPOINT ["/probe"]"#;
    run(Command::new("docker").args(["import", "--change", entrypoint, "-", reference]), &archive);
}

fn docker(arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8(run(Command::new("docker").args(arguments), input)).unwrap()
}

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed");
    output.stdout
}

#[tokio::test]
async fn docker_says_what_it_is_and_which_images_it_has() {
    let docker = Docker::connect(None, TimeLimits::all(Duration::from_mins(1))).await.expect("these tests need Docker");
    assert!(docker.describe().await.unwrap().starts_with("Docker "));
    let image = probe_image(&docker).await;
    assert_eq!(docker.find_image(&image).await.unwrap().map(|found| found.id), Some(image));
    assert_eq!(docker.find_image("innkeeper-test-probe:never-made").await.unwrap(), None);
}

#[tokio::test]
async fn a_guest_has_no_privilege_and_no_network() {
    let inn = Inn::new().await;
    let mut guest = inn.start().await;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(guest.status(set).await, "0000000000000000", "{set}");
    }
    assert_eq!(guest.status("NoNewPrivs").await, "1");
    assert_eq!(guest.status("Seccomp").await, "2");
    let (uid, gid) = (inn.spec.uid, inn.spec.gid);
    assert_eq!(guest.status("Uid").await, format!("{uid}\t{uid}\t{uid}\t{uid}"));
    assert_eq!(guest.status("Gid").await, format!("{gid}\t{gid}\t{gid}\t{gid}"));
    let groups = guest.status("Groups").await;
    assert!(groups.split_whitespace().all(|group| group == gid.to_string()), "{groups}");
    assert_eq!(guest.ask("list /sys/class/net").await.unwrap(), "lo\n");
}

#[tokio::test]
async fn a_guest_writes_to_its_workspace_and_scratch_only() {
    let inn = Inn::new().await;
    let mut guest = inn.start().await;
    for writable in ["/workspace/a", "/tmp/a", "/home/agent/a"] {
        assert_eq!(guest.ask(&format!("write {writable}")).await, Ok(String::new()), "{writable}");
    }
    for closed in ["/a", "/etc/a", "/probe", "/run/innkeeper/a", "/proc/sys/kernel/hostname", "/sys/a"] {
        assert!(guest.ask(&format!("write {closed}")).await.is_err(), "{closed}");
    }
    // A socket in a directory that is mounted read-only can be spoken to, which this is proof of, but not be replaced.
    let refused = guest.ask("remove /run/innkeeper/probe.sock").await.unwrap_err();
    assert!(refused.contains("Read-only file system"), "{refused}");
    assert_eq!(guest.ask("run /tmp/program").await.unwrap(), "exit status: 0");
    let written = fs::metadata(inn.host.path().join("workspace/a")).unwrap();
    assert_eq!(written.uid(), inn.spec.uid);
}

#[tokio::test]
async fn a_guest_sees_little_of_the_machine() {
    let inn = Inn::new().await;
    let mut guest = inn.start().await;
    for masked in ["/proc/cmdline", "/proc/version", "/proc/modules", "/proc/kallsyms", "/proc/interrupts"] {
        assert_eq!(guest.ask(&format!("read {masked}")).await.unwrap_or_default(), "", "{masked}");
    }
    for masked in ["/sys/kernel", "/sys/module", "/sys/block"] {
        assert_eq!(guest.ask(&format!("list {masked}")).await.unwrap_or_default(), "", "{masked}");
    }
}

#[tokio::test]
async fn a_guest_is_limited() {
    let inn = Inn::new().await;
    let mut guest = inn.start().await;
    assert_eq!(guest.limit("memory/memory.limit_in_bytes", "memory.max").await, "67108864");
    assert_eq!(guest.limit("pids/pids.max", "pids.max").await, "32");
    let quota = guest.limit("cpu/cpu.cfs_quota_us", "cpu.max").await;
    assert_eq!(quota.split_whitespace().next(), Some("50000"));
    assert_eq!(guest.read("/proc/self/oom_score_adj").await.trim(), "500");
    let limits = guest.read("/proc/self/limits").await;
    for (name, most) in [("core file size", "0"), ("open files", "256"), ("pending signals", "4096")] {
        let line = limits.lines().find(|line| line.contains(name)).expect("a limit");
        let values: Vec<_> = line.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
        assert_eq!(values, [most, most], "{name}");
    }
    let mounts = guest.read("/proc/self/mountinfo").await;
    let tmp = mounts.lines().find(|line| line.contains(" /tmp ")).expect("a mount");
    assert!(tmp.contains("nosuid,nodev") && tmp.contains("size=16384k,nr_inodes=100"), "{tmp}");
}

#[tokio::test]
async fn a_workspace_is_the_directory_that_was_opened_whatever_its_path_has_become() {
    let inn = Inn::new().await;
    let path = inn.host.path().join("workspace");
    fs::rename(&path, inn.host.path().join("moved")).unwrap();
    fs::create_dir(&path).unwrap();
    let mut guest = inn.start().await;
    let opened = inn.workspace.metadata().unwrap();
    assert_eq!(guest.ask("identify /workspace").await.unwrap(), format!("{}:{}", opened.dev(), opened.ino()));
}

#[tokio::test]
async fn a_workspace_can_be_given_by_its_path() {
    let mut inn = Inn::new().await;
    inn.spec.workspace = WorkspaceMount::Path(inn.host.path().join("workspace"));
    let mut guest = inn.start().await;
    let opened = inn.workspace.metadata().unwrap();
    assert_eq!(guest.ask("identify /workspace").await.unwrap(), format!("{}:{}", opened.dev(), opened.ino()));
}

#[tokio::test]
async fn an_end_is_reported_to_who_waits_before_and_after() {
    let inn = Inn::new().await;
    let mut guest = inn.start().await;
    let id = guest.id.clone();
    let (early, ()) = tokio::join!(inn.docker.wait(&id), guest.say("exit 98"));
    let exit = Exit { code: 98, out_of_memory: false };
    assert_eq!(early.unwrap(), exit);
    assert_eq!(inn.docker.wait(&id).await.unwrap(), exit);
}

#[tokio::test]
async fn an_end_for_lack_of_memory_is_told_apart_from_a_kill() {
    let inn = Inn::new().await;
    let mut guest = inn.start().await;
    guest.say("eat").await;
    assert_eq!(inn.docker.wait(&guest.id).await.unwrap(), Exit { code: 137, out_of_memory: true });
}

#[tokio::test]
async fn killing_and_removing_again_is_no_error_and_nothing_is_left() {
    let inn = Inn::new().await;
    let guest = inn.start().await;
    let (docker, id) = (&inn.docker, &guest.id);
    assert_ne!(inn.volumes(), "");
    docker.kill(id).await.unwrap();
    assert_eq!(docker.wait(id).await.unwrap(), Exit { code: 137, out_of_memory: false });
    docker.kill(id).await.unwrap();
    docker.remove(id).await.unwrap();
    docker.remove(id).await.unwrap();
    docker.kill(id).await.unwrap();
    assert!(docker.wait(id).await.unwrap_err().is_gone());
    assert_eq!(inn.list().await, []);
    assert_eq!(inn.volumes(), "");
}

#[tokio::test]
async fn sandboxes_are_found_by_their_installation_running_or_not() {
    let (inn, other) = (Inn::new().await, Inn::new().await);
    let made = other.docker.create(&other.spec).await.unwrap();
    let guest = inn.start().await;
    let found = |id: &EngineId, inn: &Inn, running| {
        vec![FoundSandbox { id: id.clone(), labels: Some(inn.spec.labels.clone()), running }]
    };
    assert_eq!(inn.list().await, found(&guest.id, &inn, true));
    assert_eq!(other.list().await, found(&made, &other, false));
    inn.docker.kill(&guest.id).await.unwrap();
    inn.docker.wait(&guest.id).await.unwrap();
    assert_eq!(inn.list().await, found(&guest.id, &inn, false));
}

#[tokio::test]
async fn a_volume_that_was_left_behind_is_removed_and_one_in_use_is_not() {
    let inn = Inn::new().await;
    let guest = inn.start().await;
    let in_use = inn.volumes();
    let label = format!("innkeeper.installation={}", inn.spec.labels.installation);
    docker(&["volume", "create", "--label", &label], b"");
    assert_eq!(inn.docker.remove_remains(&inn.spec.labels.installation).await.unwrap(), 1);
    assert_eq!(inn.volumes(), in_use);
    inn.docker.remove(&guest.id).await.unwrap();
}
