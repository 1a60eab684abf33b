//! What an agent writes and how it ends, as the server hears it.

use bytes::Bytes;
use innkeeper_shim::protocol::{
    Entry, Exited, Fault, FaultKind, File, FromShim, Line, MAX_LINE_BYTES, Signal, Start, Stream, ToShim,
};

use crate::harness::{Sandbox, Store, stdout};

/// Runs `script` to its end and answers what the server stored, without the first and the last entry.
async fn run(script: &str) -> (Vec<Entry>, Exited) {
    let mut sandbox = Sandbox::started();
    let mut connection = sandbox.order(script).await;
    let mut store = Store::default();
    let exited = connection.read_to_the_end(&mut store).await;
    connection.send(ToShim::Finish).await;
    assert_eq!(sandbox.exit_code().await, 0);
    let first = store.entries.remove(0);
    assert!(matches!(first, Entry::Started { pid } if pid > 0), "{first:?}");
    store.entries.pop();
    (store.entries, exited)
}

#[tokio::test]
async fn an_agent_runs_from_its_start_to_its_exit() {
    let (entries, exited) = run("echo hello; echo world; exit 7").await;
    assert_eq!(entries, [stdout("hello"), stdout("world")]);
    assert_eq!((exited.code, exited.signal), (Some(7), None));
}

#[tokio::test]
async fn standard_error_is_told_apart() {
    let (entries, _) = run("echo trouble >&2").await;
    let line = Line { stream: Stream::Stderr, truncated: false, bytes: Bytes::from_static(b"trouble") };
    assert_eq!(entries, [Entry::Line(line)]);
}

#[tokio::test]
async fn a_line_may_be_any_bytes_and_the_last_newline_may_be_missing() {
    let (entries, _) = run(r"printf 'nu\377\000x\r\n\nrest'").await;
    let bytes: Vec<_> = entries.iter().map(line_bytes).collect();
    assert_eq!(bytes, [&b"nu\xff\x00x\r"[..], b"", b"rest"]);
}

#[tokio::test]
async fn a_huge_line_arrives_whole_and_a_larger_one_is_cut() {
    let script =
        format!("head -c {MAX_LINE_BYTES} /dev/zero; echo; head -c {} /dev/zero; echo; echo after", MAX_LINE_BYTES + 1);
    let (entries, _) = run(&script).await;
    let lines: Vec<_> = entries.iter().map(line).map(|line| (line.bytes.len(), line.truncated)).collect();
    assert_eq!(lines, [(MAX_LINE_BYTES, false), (MAX_LINE_BYTES, true), (5, false)]);
}

#[tokio::test]
async fn an_agent_killed_by_a_signal_says_which() {
    let (_, exited) = run("kill -KILL $$").await;
    assert_eq!((exited.code, exited.signal), (None, Some(9)));
}

#[tokio::test]
async fn a_signal_reaches_what_the_agent_started_too() {
    let sandbox = Sandbox::started();
    let mut connection =
        sandbox.order("(trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.01; done) & wait").await;
    let mut store = Store::default();
    connection.read_line(&mut store, "ready").await;
    connection.send(ToShim::Signal { signal: Signal::Term }).await;
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["ready", "child"]);
}

#[tokio::test]
async fn an_orphan_that_holds_the_pipe_does_not_hold_up_the_exit() {
    let (entries, exited) = run("echo before; sleep 600 & exit 3").await;
    assert_eq!(entries, [stdout("before")]);
    assert_eq!(exited.code, Some(3));
}

#[tokio::test]
async fn an_orphan_that_never_stops_writing_does_not_hold_up_the_exit() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("trap '' PIPE; yes & echo $! >pid; exit 3").await;
    let exited = connection.read_to_the_end(&mut Store::default()).await;
    assert_eq!(exited.code, Some(3));
}

#[tokio::test]
async fn files_are_there_before_the_agent_starts() {
    let sandbox = Sandbox::started();
    let path = sandbox.file("home/.claude/transcript.jsonl");
    let contents = Bytes::from("x".repeat(3 * File::PIECE_BYTES + 1));
    let mut connection = sandbox.welcome(0).await;
    for piece in File::pieces(path.to_str().unwrap(), 0o640, contents) {
        connection.send(piece).await;
    }
    let order = sandbox.shell("cd home/.claude && stat -c '%a %s' transcript.jsonl");
    connection.send(ToShim::Start(order)).await;
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["640 3145729"]);
}

/// Sends `messages` to a shim and answers what it complains about.
async fn fault_after(sandbox: &mut Sandbox, messages: Vec<ToShim>) -> Fault {
    sandbox.start();
    let mut connection = sandbox.welcome(0).await;
    for message in messages {
        connection.send(message).await;
    }
    let FromShim::Fault(fault) = connection.read().await else {
        panic!("a fault is the only thing to say");
    };
    drop(connection);
    assert_eq!(sandbox.exit_code().await, 97);
    fault
}

#[tokio::test]
async fn an_agent_that_cannot_be_started_is_a_fault() {
    let mut sandbox = Sandbox::new();
    let argv = vec!["/no/such/agent".to_owned()];
    let start = Start { argv, ..sandbox.shell("") };
    let fault = fault_after(&mut sandbox, vec![ToShim::Start(start)]).await;
    assert_eq!(fault.kind, FaultKind::AgentNotStarted);
    assert!(fault.message.contains("/no/such/agent"), "{fault}");
}

#[tokio::test]
async fn an_order_without_a_program_is_a_fault() {
    let mut sandbox = Sandbox::new();
    let start = Start { argv: vec![], ..sandbox.shell("") };
    let fault = fault_after(&mut sandbox, vec![ToShim::Start(start)]).await;
    assert_eq!(fault.kind, FaultKind::AgentNotStarted);
}

#[tokio::test]
async fn no_agent_starts_without_its_files() {
    let mut sandbox = Sandbox::new();
    let file = File { path: "/proc/no/such/place".to_owned(), mode: 0o600, offset: 0, bytes: Bytes::new() };
    let start = ToShim::Start(sandbox.shell("touch started"));
    let fault = fault_after(&mut sandbox, vec![ToShim::File(file), start]).await;
    assert_eq!(fault.kind, FaultKind::FileNotWritten);
    assert!(!sandbox.file("started").exists());
}

fn line(entry: &Entry) -> &Line {
    match entry {
        Entry::Line(line) => line,
        other => panic!("not a line: {other:?}"),
    }
}

fn line_bytes(entry: &Entry) -> &[u8] {
    &line(entry).bytes
}
