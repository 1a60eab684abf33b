//! How a sandbox ends, by whom, and with which exit code.

use std::process::Command;
use std::time::Duration;

use innkeeper_shim::contract::EXIT_USAGE;
use innkeeper_shim::protocol::{Entry, Exited, Stream, ToShim, VERSION};
use rustix::process::Signal;

use crate::harness::{Sandbox, Store};

/// An agent that says when it is there and ends when it is asked to.
const PATIENT: &str = "trap 'echo asked; exit 9' TERM; echo ready; while :; do sleep 0.01; done";
/// An agent that has to be forced.
const STUBBORN: &str = "trap '' TERM; echo ready; while :; do sleep 0.01; done";

/// Runs `script` until it is ready, lets `stop` happen, and answers how the agent and the shim ended.
async fn stopped_by(script: &str, stop: impl AsyncFnOnce(&Sandbox, &mut crate::harness::Connection)) -> (Exited, i32) {
    let mut sandbox = Sandbox::started();
    let mut connection = sandbox.order(script).await;
    let mut store = Store::default();
    connection.read_line(&mut store, "ready").await;
    stop(&sandbox, &mut connection).await;
    let exited = connection.read_to_the_end(&mut store).await;
    (exited, sandbox.exit_code().await)
}

#[tokio::test]
async fn a_stop_asks_the_agent_and_reports_its_exit() {
    let stop = async |sandbox: &Sandbox, _: &mut _| sandbox.signal(Signal::TERM);
    let (exited, code) = stopped_by(PATIENT, stop).await;
    assert_eq!((exited.code, exited.signal, code), (Some(9), None, 0));
}

#[tokio::test]
async fn a_stop_forces_an_agent_that_does_not_listen() {
    let stop = async |sandbox: &Sandbox, _: &mut _| sandbox.signal(Signal::TERM);
    let (exited, code) = stopped_by(STUBBORN, stop).await;
    assert_eq!((exited.code, exited.signal, code), (None, Some(9), 0));
}

#[tokio::test]
async fn a_server_that_is_done_early_ends_the_agent_too() {
    let finish = async |_: &Sandbox, connection: &mut crate::harness::Connection| {
        connection.send(ToShim::Finish).await;
    };
    let (exited, code) = stopped_by(PATIENT, finish).await;
    assert_eq!((exited.code, code), (Some(9), 0));
}

#[tokio::test]
async fn a_stop_before_the_start_needs_no_server() {
    let mut sandbox = Sandbox::started();
    let connection = sandbox.accept().await;
    sandbox.signal(Signal::TERM);
    assert_eq!(sandbox.exit_code().await, 0);
    drop(connection);
}

#[tokio::test]
async fn a_server_that_never_comes_ends_the_sandbox() {
    let mut sandbox = Sandbox::new();
    sandbox.contract.socket = sandbox.file("no.sock");
    sandbox.contract.grace = Duration::from_millis(100);
    sandbox.start();
    assert_eq!(sandbox.exit_code().await, 98);
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_agent() {
    let mut sandbox = Sandbox::new();
    sandbox.contract.grace = Duration::from_millis(100);
    sandbox.start();
    let script = "trap 'touch asked; exit' TERM; echo ready; while :; do sleep 0.01; done";
    let mut connection = sandbox.order(script).await;
    connection.read_line(&mut Store::default(), "ready").await;
    drop(connection);
    assert_eq!(sandbox.exit_code().await, 98);
    assert!(sandbox.file("asked").exists());
}

#[tokio::test]
async fn a_server_that_accepts_but_does_not_welcome_is_away() {
    let mut sandbox = Sandbox::new();
    sandbox.contract.grace = Duration::from_millis(100);
    sandbox.start();
    let connection = sandbox.accept().await;
    assert_eq!(sandbox.exit_code().await, 98);
    drop(connection);
}

#[tokio::test]
async fn whoever_ends_in_the_sandbox_is_reaped() {
    let sandbox = Sandbox::started();
    // Each `sh` starts a child and ends first, which leaves the child to the shim.
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sh -c 'exec >&- 2>&-; true & exec true'; done; echo ready; read line";
    let mut connection = sandbox.order(script).await;
    let mut store = Store::default();
    connection.read_line(&mut store, "ready").await;
    let Entry::Started { pid } = store.entries[0] else { panic!("not started") };
    let children = format!("/proc/{0}/task/{0}/children", sandbox.pid());
    loop {
        let children = std::fs::read_to_string(&children).unwrap();
        if children.split_whitespace().eq([pid.to_string()]) {
            break;
        }
        tokio::task::yield_now().await;
    }
    connection.send(ToShim::CloseInput { seq: 1 }).await;
    let exited = connection.read_to_the_end(&mut store).await;
    assert_eq!(exited.code, Some(1), "the agent's own exit is told apart");
    assert_eq!(store.lines(Stream::Stdout), ["ready"]);
}

#[test]
fn the_binary_tells_its_version_and_nothing_else() {
    let shim = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_innkeeper-shim")).args(arguments).env_clear().output().unwrap()
    };
    let version = shim(&["--protocol-version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(version.stdout, format!("{VERSION}\n").into_bytes());
    for arguments in [&["--help"][..], &["--protocol-version", "again"]] {
        let refused = shim(arguments);
        assert_eq!(refused.status.code(), Some(EXIT_USAGE.into()));
        assert!(refused.stdout.is_empty() && refused.stderr.starts_with(b"usage"));
    }
    let without_contract = shim(&[]);
    assert_eq!(without_contract.status.code(), Some(97));
    assert!(without_contract.stderr.ends_with(b"INNKEEPER_SHIM_TOKEN is not set\n"));
}
