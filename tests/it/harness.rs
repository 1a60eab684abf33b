//! A server of its own for each test: the real program on a loopback port, its model a stand-in in the test's process.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use innkeeper::cli::stand_in::StandIn;
use innkeeper::domain::{Drift, EventKind, SessionId, TenantId, Timestamp};
use innkeeper::store::{LedgerEntry, Store};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::machine::{copy_program, mount_disk, remove_sandboxes, unmount_disk};
pub(crate) use crate::machine::{docker, sandboxes};
pub(crate) use crate::process::program;
use crate::process::{Run, Started, spawn};
use crate::redaction;

/// The key the gateway holds. It looks like nothing else, so that it can be searched for.
pub(crate) const MODEL_KEY: &str = "sk-ant-the-real-key-4711";

/// The agent's own words for what the stand-in answers to a prompt without a script.
pub(crate) const PLAIN_PROMPT: &str = "Say hello";

/// How long anything may take before the test has failed, and how often is looked meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running server.
pub(crate) struct Server {
    /// Its model.
    pub(crate) stand_in: StandIn,
    /// Where it keeps everything.
    pub(crate) data: TempDir,
    /// Where its tenants' roots are.
    pub(crate) roots: TempDir,
    /// Where tenants reach it.
    pub(crate) url: String,
    /// Where operators reach it.
    pub(crate) operator_url: String,
    /// The operators' key, if this start made it.
    pub(crate) operator_key: Option<String>,
    run: Run,
    settings: Vec<(String, String)>,
    installation: String,
    process: Child,
    http: reqwest::Client,
}

/// A tenant of a server, and a client with its key.
pub(crate) struct Tenant {
    /// Its id.
    pub(crate) id: TenantId,
    /// Its one root.
    pub(crate) root: PathBuf,
    /// Its key.
    pub(crate) key: String,
    url: String,
    http: reqwest::Client,
}

impl Server {
    /// A server with the default settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A server with `settings` as `section.key` and value.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_as(Run::default(), settings).await
    }

    /// A server as another user of the machine, or within bounds of the kernel.
    pub(crate) async fn start_as(run: Run, settings: &[(&str, &str)]) -> Self {
        let stand_in = StandIn::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let model = format!("http://{}", listener.local_addr().unwrap());
        let serving = stand_in.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let (data, roots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        if let Some(bytes) = run.data_disk_bytes {
            mount_disk(data.path(), bytes);
        }
        let ours = [
            ("http.listen", "127.0.0.1:0"),
            ("http.operator_listen", "127.0.0.1:0"),
            ("gateway.api_key", MODEL_KEY),
            ("gateway.upstream_url", &model),
            ("log.filter", "debug"),
            ("drill.at_start", "false"),
            // Tests look again far oftener than clients do.
            ("rates.read.per_minute", "1000000"),
            ("rates.read.burst", "100000"),
        ];
        let settings: Vec<_> =
            ours.iter().chain(settings).map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        if let Some(user) = run.user {
            copy_program(&data.path().join("innkeeper"));
            chown(data.path(), Some(user), Some(user)).unwrap();
        }
        let Started { process, url, operator_url, operator_key } = spawn(&settings, data.path(), run).await;
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let installation = open_store(data.path()).await.installation().await.unwrap();
        Self { stand_in, data, roots, url, operator_url, operator_key, run, settings, installation, process, http }
    }

    /// Starts it again on the same data, after it was killed or has ended.
    pub(crate) async fn start_again(&mut self) {
        let started = spawn(&self.settings, self.data.path(), self.run).await;
        (self.process, self.url, self.operator_url) = (started.process, started.url, started.operator_url);
    }

    pub(crate) fn program(&self) -> Command {
        program(&self.settings, self.data.path())
    }

    /// Gives a setting another value, for its next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Kills it, as a crash does.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// What the kernel says of its process.
    pub(crate) fn process_status(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn end(&mut self) {
        self.signal(Signal::TERM);
        let ended = timeout(PATIENCE, self.process.wait()).await.expect("the server does not end").unwrap();
        assert!(ended.success(), "the server ended with {ended}: {}", self.log());
    }

    /// A new tenant, made as an operator makes it.
    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        let root = self.roots.path().join(name);
        let made = self.command(&["tenants", "create", name, "--json", "--root", root.to_str().unwrap()]).await;
        let made: Value = serde_json::from_str(&made).unwrap();
        let key = self.command(&["keys", "create", "--tenant", name]).await.trim().to_owned();
        let id = made["id"].as_str().unwrap().parse().unwrap();
        self.tenant_with(id, key, root)
    }

    /// A new tenant, made by the server itself through its admin API: its id and its key.
    pub(crate) async fn tenant_at(&self, name: &str, root: &Path) -> (TenantId, String) {
        let key = self.operator_key.as_ref().unwrap();
        let post = |path: String, body: Value| {
            let request = self.http.post(format!("{}/admin/v1/{path}", self.operator_url));
            answer(request.header("x-api-key", key).json(&body))
        };
        let (status, made) = post("tenants".to_owned(), json!({"name": name, "roots": [root]})).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let id = made["id"].as_str().unwrap();
        let (status, issued) = post(format!("tenants/{id}/keys"), json!({"name": "first"})).await;
        assert_eq!(status, StatusCode::CREATED, "{issued}");
        (id.parse().unwrap(), issued["key"].as_str().unwrap().to_owned())
    }

    /// A client for a tenant.
    pub(crate) fn tenant_with(&self, id: TenantId, key: String, root: PathBuf) -> Tenant {
        Tenant { id, root, key, url: self.url.clone(), http: self.http.clone() }
    }

    /// Runs a command of the program on the server's data, and answers what it tells.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let output = program(&self.settings, self.data.path()).args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the ledger says of a session.
    pub(crate) async fn ledger(&self, tenant: &Tenant, session: &str) -> Vec<LedgerEntry> {
        let store = open_store(self.data.path()).await;
        store.ledger().list(tenant.id, session.parse::<SessionId>().unwrap()).await.unwrap()
    }

    /// What the agent claims that all turns cost, and what the ledger has.
    pub(crate) async fn drift(&self) -> Drift {
        open_store(self.data.path()).await.ledger().drift(Timestamp::from_micros(0)).await.unwrap()
    }

    /// The agent's messages of a session, as the agent wrote them.
    pub(crate) async fn messages(&self, tenant: &Tenant, session: &str) -> Vec<Value> {
        let store = open_store(self.data.path()).await;
        let messages = store.events().of_kind(tenant.id, session.parse().unwrap(), EventKind::Message).await.unwrap();
        messages.iter().map(|event| serde_json::from_str(&event.payload).unwrap()).collect()
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("server.log")).unwrap()
    }
}

/// A test ends in the middle of what its server does; nothing of it is left behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        remove_sandboxes(&self.installation);
        let log = self.log();
        if self.run.data_disk_bytes.is_some() {
            unmount_disk(self.data.path());
        }
        if !std::thread::panicking() {
            redaction::check(&log, &self.stand_in.received());
        }
    }
}

impl Tenant {
    /// The same tenant, as it speaks to a server that was started again.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self {
            url: server.url.clone(),
            root: self.root.clone(),
            key: self.key.clone(),
            http: self.http.clone(),
            ..*self
        }
    }

    /// A request with the tenant's key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).header("x-api-key", &self.key)
    }

    /// Asks for a session, and answers status and body.
    pub(crate) async fn execute(&self, body: &Value) -> (StatusCode, Value) {
        redaction::note(body);
        answer(self.request(Method::POST, "/execute/").json(body)).await
    }

    /// Starts a session, and answers its id.
    pub(crate) async fn start(&self, body: &Value) -> String {
        let (status, answer) = self.execute(body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["session_id"].as_str().unwrap().to_owned()
    }

    /// Runs a prompt, and answers how the session stands in the end.
    pub(crate) async fn run(&self, body: &Value) -> Value {
        let session = self.start(body).await;
        self.finish(&session).await
    }

    /// Runs a prompt in which anything is allowed, and answers how the session stands in the end.
    pub(crate) async fn run_freely(&self, prompt: &str) -> Value {
        self.run(&json!({"prompt": prompt, "permission_mode": "bypassPermissions"})).await
    }

    /// How a session stands.
    pub(crate) async fn status(&self, session: &str) -> Value {
        let (status, answer) = self.get(&format!("/status/{session}")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// How a session stands once its turn has ended.
    pub(crate) async fn finish(&self, session: &str) -> Value {
        self.status_when(session, |status| {
            matches!(status["status"].as_str(), Some("completed" | "error" | "cancelled"))
        })
        .await
    }

    /// How a session stands once `condition` holds.
    pub(crate) async fn status_when(&self, session: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(async || Some(self.status(session).await).filter(&condition)).await
    }

    /// Cancels a session.
    pub(crate) async fn cancel(&self, session: &str) -> (StatusCode, Value) {
        answer(self.request(Method::POST, &format!("/cancel/{session}"))).await
    }

    /// Asks for a path.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// Deletes a path.
    pub(crate) async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::DELETE, path)).await
    }
}

/// A prompt that is a script for the stand-in.
pub(crate) fn script(script: &Value) -> String {
    format!("@stand-in {script}")
}

/// A script that runs a command with Bash before it answers.
pub(crate) fn bash(command: &str) -> String {
    script(&json!({"tools": [{"name": "Bash", "input": {"command": command}}]}))
}

/// What the tools of a session answered, in order.
pub(crate) fn tool_results(status: &Value) -> Vec<String> {
    let messages = status["messages"].as_array().unwrap().iter().filter(|message| message["type"] == "UserMessage");
    let blocks = messages.filter_map(|message| message["content"]["content"].as_array()).flatten();
    blocks.filter_map(|block| block.get("tool_use_id").map(|_| text_of(&block["content"]))).collect()
}

/// The text of a session's last result.
pub(crate) fn last_words(status: &Value) -> String {
    let mut messages = status["messages"].as_array().unwrap().iter().rev();
    let result = messages.find(|message| message["type"] == "ResultMessage").unwrap();
    result["content"]["result"].as_str().unwrap_or_default().to_owned()
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// Looks again and again until there is something, and answers it.
pub(crate) async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let found = async {
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("what was waited for did not come")
}

/// Makes an installation without a server.
pub(crate) async fn make_installation(data: &Path) {
    open_store(data).await.close().await;
}

async fn open_store(data: &Path) -> Store {
    Store::open(&data.join("innkeeper.db")).await.unwrap()
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response: Response = request.send().await.unwrap();
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()))
}
