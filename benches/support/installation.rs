//! What the benches share: the real program with data of its own, a stand-in as its model, and how a row is told.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use innkeeper::cli::stand_in::StandIn;
use innkeeper::domain::TenantId;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What a bench stops with when it cannot go on.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long anything that is waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// How often is looked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The program's data, before and while it serves.
pub(crate) struct Installation {
    /// Its model.
    pub(crate) stand_in: StandIn,
    settings: Vec<(String, String)>,
    data: TempDir,
    roots: TempDir,
    _serving: JoinSet<std::io::Result<()>>,
}

/// A tenant of an installation.
pub(crate) struct Tenant {
    /// Its id.
    pub(crate) id: TenantId,
    /// Its key.
    pub(crate) key: String,
    /// Its one root.
    pub(crate) root: PathBuf,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    /// Where tenants reach it: host and port.
    pub(crate) address: String,
    /// Where operators reach it: host and port.
    pub(crate) operator_address: String,
    /// Its process.
    pub(crate) pid: u32,
    http: reqwest::Client,
    process: Child,
}

impl Installation {
    /// An installation without tenants that logs what `filter` lets through.
    pub(crate) async fn new(filter: &str) -> Result<Self> {
        let stand_in = StandIn::new();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let model = format!("http://{}", listener.local_addr()?);
        let (mut serving, served) = (JoinSet::new(), stand_in.clone());
        serving.spawn(async move { served.serve(listener, std::future::pending()).await });
        let settings = [
            ("HTTP__LISTEN", "127.0.0.1:0"),
            ("HTTP__OPERATOR_LISTEN", "127.0.0.1:0"),
            ("GATEWAY__API_KEY", "stand-in-key"),
            ("GATEWAY__UPSTREAM_URL", &model),
            ("LOG__FILTER", filter),
            // The attacks a server makes on itself are not what is measured.
            ("DRILL__AT_START", "false"),
            // What is measured is how fast it can answer, not how fast it may be asked.
            ("RATES__READ__PER_MINUTE", "4000000000"),
            ("RATES__READ__BURST", "1000000"),
        ];
        let settings = settings.map(|(name, value)| (format!("INNKEEPER_{name}"), value.to_owned())).to_vec();
        let (data, roots) = (tempfile::tempdir()?, roots()?);
        let installation = Self { stand_in, settings, data, roots, _serving: serving };
        // Only a server makes an installation, which commands then find.
        installation.serve().await?.process.kill().await?;
        Ok(installation)
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.path().join("innkeeper.db")
    }

    /// A file of a session's first sandbox.
    pub(crate) fn sandbox_file(&self, session: &str, name: &str) -> PathBuf {
        self.data.path().join(format!("sandboxes/{session}-1")).join(name)
    }

    /// Everything its server has logged.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.log_path())?)
    }

    /// A new tenant with a key, made as an operator makes it.
    pub(crate) async fn tenant(&self, name: &str) -> Result<Tenant> {
        let root = self.roots.path().join(name);
        let made = self.command(&["tenants", "create", name, "--json", "--root", text(&root)?]).await?;
        let made: Value = serde_json::from_str(&made)?;
        let key = self.command(&["keys", "create", "--tenant", name]).await?.trim().to_owned();
        Ok(Tenant { id: made["id"].as_str().ok_or("a tenant without an id")?.parse()?, key, root })
    }

    /// Starts the server.
    pub(crate) async fn serve(&self) -> Result<Server> {
        self.start(self.program(), &["serve"]).await
    }

    /// Starts the server with `open_files` descriptors. It shares them out when it starts, so they are bounded before.
    pub(crate) async fn serve_within(&self, open_files: u64) -> Result<Server> {
        let bound = format!("--nofile={open_files}:{open_files}");
        self.start(self.environment(Command::new("prlimit")), &[&bound, env!("CARGO_BIN_EXE_innkeeper"), "serve"]).await
    }

    async fn start(&self, mut program: Command, arguments: &[&str]) -> Result<Server> {
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let mut process = program.args(arguments).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, rest)) = line.split_once("listens on http://") {
                    let (address, operators) =
                        rest.split_once(" (operators: http://").ok_or("no operators' address")?;
                    return Ok((address.to_owned(), operators.trim_end_matches(')').to_owned()));
                }
            }
            Err(format!("the server ended: {}", self.log()?).into())
        });
        let addresses: Result<(String, String)> = address.await?;
        let (address, operator_address) = addresses?;
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let pid = process.id().ok_or("the server has ended")?;
        Ok(Server { address, operator_address, pid, http, process })
    }

    fn log_path(&self) -> PathBuf {
        self.data.path().join("server.log")
    }

    /// Runs one of the program's commands, and answers what it tells.
    async fn command(&self, arguments: &[&str]) -> Result<String> {
        let output = self.program().args(arguments).output().await?;
        if !output.status.success() {
            return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn program(&self) -> Command {
        self.environment(Command::new(env!("CARGO_BIN_EXE_innkeeper")))
    }

    fn environment(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("INNKEEPER_DATA_DIR", self.data.path()).kill_on_drop(true);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Where the tenants' roots are made: beside everything else, or where `BENCH_ROOTS` says.
fn roots() -> Result<TempDir> {
    Ok(match std::env::var_os("BENCH_ROOTS") {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    })
}

impl Server {
    /// Asks for something with a tenant's key, and answers what comes back.
    pub(crate) async fn ask(&self, tenant: &Tenant, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = self.http.request(method, format!("http://{}{path}", self.address));
        let request = request.header("x-api-key", &tenant.key);
        let request = if let Some(body) = body { request.json(body) } else { request };
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Starts a session, and answers its id.
    pub(crate) async fn start(&self, tenant: &Tenant, asked: &Value) -> Result<String> {
        let answer = self.ask(tenant, Method::POST, "/execute/", Some(asked)).await?;
        Ok(answer["session_id"].as_str().ok_or("a session without an id")?.to_owned())
    }
}

/// Looks again and again until there is something, and answers it.
pub(crate) async fn eventually<T>(look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let found = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(PATIENCE, found).await?
}

/// The value below which `percent` of the sorted `values` lie.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// A path as text.
pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "a path that is not text".into())
}
