//! What a session's start is held against: the same image, confined the same way, run by Docker's own command line.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use innkeeper::agent::{Conversation, agent_env, argv, initialize, prompt};
use innkeeper::cli::stand_in::StandIn;
use innkeeper::config::Config;
use innkeeper::domain::{SessionId, TurnSpec};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{PATIENCE, Result, Tenant, text};
use crate::{Moment, first_request, now};

/// Where the sandbox sees the stand-in.
const SOCKET: &str = "/run/innkeeper/model.sock";

/// The agent's program.
const AGENT: &str = "/usr/local/bin/claude";

/// What is needed to run a container without innkeeper.
pub(crate) struct Plain {
    config: Config,
    files: TempDir,
    workspace: PathBuf,
    stand_in: StandIn,
    _serving: JoinSet<std::io::Result<()>>,
}

/// When an agent came how far.
pub(crate) struct AgentRun {
    pub(crate) first_request: Moment,
    pub(crate) answered: Moment,
    pub(crate) gone: Moment,
}

impl Plain {
    /// Containers that work where `tenant` does, with the settings' defaults as limits.
    pub(crate) fn new(tenant: &Tenant) -> Result<Self> {
        let files = tempfile::tempdir()?;
        std::fs::set_permissions(files.path(), PermissionsExt::from_mode(0o755))?;
        let sockets = files.path().join("sockets");
        std::fs::create_dir(&sockets)?;
        let listener = UnixListener::bind(sockets.join("model.sock"))?;
        std::fs::set_permissions(sockets.join("model.sock"), PermissionsExt::from_mode(0o666))?;
        let (uid, gid) = owner(&tenant.root)?;
        std::fs::write(files.path().join("passwd"), format!("agent:x:{uid}:{gid}::/home/agent:/bin/bash\n"))?;
        std::fs::write(files.path().join("group"), format!("agent:x:{gid}:\n"))?;
        std::fs::write(files.path().join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
        let stand_in = StandIn::new();
        let (mut serving, router) = (JoinSet::new(), stand_in.router());
        serving.spawn(async move { axum::serve(listener, router).await });
        let (config, workspace) = (Config::load(None)?, tenant.root.clone());
        Ok(Self { config, files, workspace, stand_in, _serving: serving })
    }

    /// Runs `/bin/true`, and answers when it was gone.
    pub(crate) async fn run_nothing(&self) -> Result<Moment> {
        let output = self.docker_run("/bin/true")?.arg(&self.config.engine.image).output().await?;
        if !output.status.success() {
            return Err(format!("docker run: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(now())
    }

    /// Runs `/bin/true` as a newcomer would, without anything that confines it, and answers when it was gone.
    pub(crate) async fn run_bare(&self) -> Result<Moment> {
        let image = &self.config.engine.image;
        let output = Command::new("docker").args(["run", "--rm", "--entrypoint=/bin/true", image]).output().await?;
        if !output.status.success() {
            return Err(format!("docker run: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(now())
    }

    /// Runs the agent with the arguments, the environment and the input that a session's has.
    pub(crate) async fn run_agent(&self, asked: &str) -> Result<AgentRun> {
        self.stand_in.forget();
        let conversation = Conversation::New(SessionId::generate());
        let spec = TurnSpec::default();
        let mut command = self.docker_run(AGENT)?;
        let grants = BTreeSet::new();
        let env = agent_env(&spec.env, SOCKET, None, &self.config.agent, &grants);
        for (name, value) in &env {
            command.args(["--env", &format!("{name}={value}")]);
        }
        command.arg("--interactive").arg(&self.config.engine.image);
        command.args(&argv(conversation, &spec, &self.config.agent, &grants, &env)[1..]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut input = child.stdin.take().ok_or("no input")?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        input.write_all(format!("{}\n{}\n", initialize("initialize", None), prompt(asked)).as_bytes()).await?;
        let answered = async {
            while let Some(line) = lines.next_line().await? {
                if serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|line| line["type"] == "result") {
                    return Ok(now());
                }
            }
            Err("the agent ended without a result".into())
        };
        let (first_request, answered): (_, Result<_>) =
            timeout(PATIENCE, async { tokio::join!(first_request(&self.stand_in), answered) }).await?;
        drop(input);
        // Whatever it still says is read, so that it can end.
        while lines.next_line().await?.is_some() {}
        child.wait().await?;
        Ok(AgentRun { first_request, answered: answered?, gone: now() })
    }

    /// `docker run` with what confines a sandbox.
    fn docker_run(&self, entrypoint: &str) -> Result<Command> {
        let sandbox = &self.config.sandbox;
        let (uid, gid) = owner(&self.workspace)?;
        let files = self.files.path();
        let seccomp = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/seccomp.json");
        let scratch =
            format!("rw,exec,nosuid,nodev,size={},nr_inodes={}", sandbox.scratch_bytes, sandbox.scratch_inodes);
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--ipc=private"]);
        command.args(["--cgroupns=private", "--shm-size=64m", "--cpu-shares=256", "--oom-score-adj=500"]);
        command.args(["--log-driver=none", "--workdir=/workspace", "--ulimit=core=0", "--ulimit=sigpending=4096"]);
        command.args(["--ulimit=memlock=65536", "--security-opt=no-new-privileges"]);
        command.args([
            format!("--security-opt=seccomp={}", text(&seccomp)?),
            format!("--memory={}", sandbox.memory_bytes),
            format!("--memory-swap={}", sandbox.memory_bytes),
            format!("--cpus={}", sandbox.cpus),
            format!("--pids-limit={}", sandbox.pids),
            format!("--ulimit=nofile={}", sandbox.open_files),
            format!("--user={uid}:{gid}"),
            format!("--tmpfs=/tmp:{scratch},mode=1777"),
            format!("--tmpfs=/home/agent:{scratch},mode=0700,uid={uid},gid={gid}"),
            format!("--mount=type=bind,source={},target=/workspace", text(&self.workspace)?),
            format!("--mount=type=bind,source={},target=/run/innkeeper,readonly", text(&files.join("sockets"))?),
            format!("--mount=type=bind,source={},target=/etc/passwd,readonly", text(&files.join("passwd"))?),
            format!("--mount=type=bind,source={},target=/etc/group,readonly", text(&files.join("group"))?),
            format!("--mount=type=bind,source={},target=/etc/hosts,readonly", text(&files.join("hosts"))?),
            format!("--entrypoint={entrypoint}"),
        ]);
        Ok(command)
    }
}

fn owner(path: &Path) -> Result<(u32, u32)> {
    let metadata = path.metadata()?;
    Ok((metadata.uid(), metadata.gid()))
}
