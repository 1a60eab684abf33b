//! A spawner of its own for each test.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::harness::{Server, docker, program};
use crate::process::Run;
use crate::redaction;

/// Its log, in its directory.
const LOG: &str = "spawner.log";

/// The user the server runs as: in no group that Docker knows.
pub(super) const SERVER_USER: u32 = 64_711;

/// A running spawner.
pub(super) struct Spawner {
    pub(super) directory: TempDir,
    /// The directory its workspaces lie below.
    pub(super) base: TempDir,
    settings: Vec<(String, String)>,
    pub(super) process: Child,
}

impl Spawner {
    pub(super) async fn start() -> Self {
        Self::start_with(&[("drill.at_start", "false")]).await
    }

    /// One with these settings beside those of its places.
    pub(super) async fn start_with(more: &[(&str, &str)]) -> Self {
        let (directory, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let settings = [
            ("spawner.socket", at("spawner.sock")),
            ("spawner.state_dir", at("state")),
            ("spawner.bases", base.path().display().to_string()),
            ("spawner.client_uid", server_user().unwrap_or_default().to_string()),
            ("log.filter", "debug".to_owned()),
        ];
        let more = more.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let settings: Vec<_> = settings.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(more).collect();
        let process = run(&settings, &directory).await;
        Self { directory, base, settings, process }
    }

    /// Kills it, as a crash does, and starts it again.
    pub(super) async fn crash(&mut self) {
        self.process.kill().await.unwrap();
        self.process = run(&self.settings, &self.directory).await;
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("spawner.sock")
    }

    /// The name the spawner's sandboxes carry.
    fn installation(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("state/installation")).unwrap()
    }

    /// A second spawner with the same settings, but for those in `more`; returns its last words.
    pub(super) async fn second(&self, more: &[(&str, &str)]) -> String {
        let more = more.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let settings: Vec<_> = self.settings.iter().cloned().chain(more).collect();
        let output = program(&settings, &self.directory.path().join("unused")).arg("spawner").output().await.unwrap();
        assert!(!output.status.success(), "a second spawner started");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A server that reaches its sandboxes through this spawner.
    pub(super) async fn server(&self) -> Server {
        let settings: Vec<_> = self.settings[..1].iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Server::start_as(Run { user: server_user(), ..Run::default() }, &settings).await
    }

    /// Says `call` on the socket, as whoever took the server over could, and answers what comes back.
    pub(super) async fn say(&self, call: &Value) -> Value {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        let body = call.to_string();
        stream.write_u32(u32::try_from(body.len()).unwrap()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut answer = vec![0; length as usize];
        stream.read_exact(&mut answer).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        if answer.get("opened").is_some() {
            // The byte its two sockets ride on; they are not taken.
            stream.read_u8().await.unwrap();
        }
        answer
    }

    pub(super) async fn refuses(&self, call: &Value) -> String {
        let answer = self.say(call).await;
        let failure = answer.get("failure").unwrap_or_else(|| panic!("{call} was answered with {answer}"));
        failure.to_string()
    }

    /// Its sandboxes, as Docker knows them.
    pub(super) async fn sandboxes(&self) -> Vec<String> {
        let filter = format!("label=innkeeper.installation={}", self.installation());
        let listed = docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]).await;
        listed.lines().map(str::to_owned).collect()
    }
}

/// Runs the program as a spawner, and answers once it listens.
async fn run(settings: &[(String, String)], directory: &TempDir) -> Child {
    let mut command = program(settings, &directory.path().join("unused"));
    let log = File::options().create(true).append(true).open(directory.path().join(LOG)).unwrap();
    let mut process = command.arg("spawner").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("spawner listens on ") {
            return process;
        }
    }
    let log = std::fs::read_to_string(directory.path().join(LOG)).unwrap();
    panic!("the spawner ended: {:?}: {log}", process.wait().await);
}

/// The spawner is killed with its test: what it made is not to stay.
impl Drop for Spawner {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        let filter = format!("label=innkeeper.installation={}", self.installation());
        let listed =
            std::process::Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]).output();
        for sandbox in
            listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default().lines()
        {
            let _ = std::process::Command::new("docker").args(["rm", "--force", "--volumes", sandbox]).output();
        }
        if !std::thread::panicking() {
            redaction::check(&std::fs::read_to_string(self.directory.path().join(LOG)).unwrap(), &[]);
        }
    }
}

/// The ordinary user, where the tests may run something as another user; else their own.
pub(super) fn server_user() -> Option<u32> {
    geteuid().is_root().then_some(SERVER_USER)
}
