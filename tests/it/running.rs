//! `innkeeper run` and `cancel`: stopped by signals, fed by a pipe, read by a script.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::harness::{PATIENCE, PLAIN_PROMPT, Server, Tenant, bash, eventually};

/// A prompt whose agent works until it is stopped.
const LONG: &str = "Please count from 1 to 1000";

/// `innkeeper run` under way.
struct Running {
    process: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// Runs a prompt, and waits until its agent is at work.
    async fn start(server: &Server, tenant: &Tenant) -> (Self, String) {
        let mut command = command(server, tenant, "run");
        command.arg(LONG).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stderr.take().unwrap()).lines();
        let session = eventually(async || {
            let (_, sessions) = tenant.get("/sessions/").await;
            let running = |session: &&Value| session["status"] == "running";
            sessions.as_array()?.iter().find(running)?["session_id"].as_str().map(str::to_owned)
        });
        (Self { process, said }, session.await)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has said something with `word` in it.
    async fn says(&mut self, word: &str) {
        let line = async {
            while let Some(line) = self.said.next_line().await.unwrap() {
                if line.contains(word) {
                    return;
                }
            }
            panic!("it ended and did not say `{word}`");
        };
        timeout(PATIENCE, line).await.unwrap();
    }

    async fn fails(&mut self) {
        let ended = timeout(PATIENCE, self.process.wait()).await.expect("it does not end").unwrap();
        assert_eq!(ended.code(), Some(1));
    }
}

fn command(server: &Server, tenant: &Tenant, name: &str) -> Command {
    let mut command = server.program();
    command.args([name, "--url", &server.url, "--key", &tenant.key]);
    command
}

#[tokio::test]
async fn one_signal_to_a_run_cancels_its_turn() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (mut run, session) = Running::start(&server, &tenant).await;
    run.signal(Signal::INT);
    run.says("Cancelling").await;
    run.says("the turn was cancelled").await;
    run.fails().await;
    assert_eq!(tenant.status(&session).await["status"], "cancelled");
}

#[tokio::test]
async fn a_second_signal_to_a_run_leaves_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (mut run, session) = Running::start(&server, &tenant).await;
    // A server that does not answer keeps nobody.
    server.signal(Signal::STOP);
    run.signal(Signal::TERM);
    run.says("Cancelling").await;
    run.signal(Signal::TERM);
    run.says(&format!("innkeeper cancel {session}")).await;
    run.fails().await;
    server.signal(Signal::CONT);
    let output = command(&server, &tenant, "cancel").arg(&session).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // What was asked before it left may have come first.
    assert!(output.status.success() || said.contains("400"), "{said}");
    assert_eq!(tenant.finish(&session).await["status"], "cancelled");
}

#[tokio::test]
async fn a_piped_prompt_is_answered_whole_or_in_json() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let piped = async |prompt: &str, options: &[&str]| {
        let mut command = command(&server, &tenant, "run");
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(prompt.as_bytes()).await.unwrap();
        let output = process.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (answer, note) = piped(PLAIN_PROMPT, &["--json", "--max-turns", "3"]).await;
    let status: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&status["status"], status["messages"].is_array()), (&json!("completed"), true));
    assert!(note.contains("tools that need an approval are refused"), "{note}");

    let prompt = bash("seq 1 40");
    let free = ["--permission-mode", "bypassPermissions"];
    let (short, note) = piped(&prompt, &free).await;
    assert!(short.contains("more lines") && !short.contains("│ 40") && note.is_empty(), "{short} {note}");
    let (whole, _) = piped(&prompt, &[&free[..], &["--full"]].concat()).await;
    assert!(whole.contains("│ 40") && whole.contains("command: seq 1 40"), "{whole}");
}
