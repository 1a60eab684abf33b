//! What the server tells the agent: once, in order, and never in the way of what the agent says.

use bytes::Bytes;
use innkeeper_shim::protocol::{FromShim, INPUT_WINDOW, INPUT_WINDOW_BYTES, Stream, ToShim};

use crate::harness::{Sandbox, Store};

fn input(seq: u64, text: impl Into<Bytes>) -> ToShim {
    ToShim::Input { seq, bytes: text.into() }
}

#[tokio::test]
async fn inputs_reach_the_agent_and_so_does_their_end() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.welcome(0).await;
    connection.send(input(1, "before the start")).await;
    connection.send(ToShim::Start(sandbox.shell("cat; echo end"))).await;
    connection.send(input(2, "nu\u{fffd}")).await;
    connection.send(ToShim::CloseInput { seq: 3 }).await;
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["before the start", "nu\u{fffd}", "end"]);
}

#[tokio::test]
async fn every_input_taken_is_said_to_be() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("cat >/dev/null").await;
    connection.send(input(1, "one")).await;
    connection.read_until(FromShim::InputTaken { seq: 1 }).await;
    connection.send(ToShim::CloseInput { seq: 2 }).await;
    connection.read_until(FromShim::InputTaken { seq: 2 }).await;
    connection.read_until(FromShim::InputClosed { last_taken: 2 }).await;
}

#[tokio::test]
async fn an_input_is_delivered_once_however_often_it_is_sent() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("cat").await;
    connection.send(input(1, "one")).await;
    connection.read_until(FromShim::InputTaken { seq: 1 }).await;
    drop(connection);

    let mut connection = sandbox.welcome(0).await;
    assert_eq!(connection.hello.next_input, 2);
    assert_eq!(connection.read().await, FromShim::InputTaken { seq: 1 }, "said again");
    for message in [input(1, "one"), input(2, "two"), input(1, "one"), input(2, "two")] {
        connection.send(message).await;
    }
    connection.send(ToShim::CloseInput { seq: 3 }).await;
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["one", "two"]);
}

#[tokio::test]
async fn an_agent_that_does_not_read_can_still_be_heard() {
    let sandbox = Sandbox::started();
    let script = "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; wc -c";
    let mut connection = sandbox.order(script).await;
    for seq in 1..=8 {
        connection.send(input(seq, vec![b'x'; INPUT_WINDOW_BYTES / 8])).await;
    }
    connection.send(ToShim::CloseInput { seq: 9 }).await;
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    let lines = store.lines(Stream::Stdout);
    assert_eq!(lines.len(), 2_001);
    assert_eq!(lines[2_000], (INPUT_WINDOW_BYTES + 8).to_string());
}

#[tokio::test]
async fn an_agent_that_wants_no_more_input_is_reported() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("read first; exec <&-; echo closed; exec sleep 600").await;
    let mut store = Store::default();
    connection.send(input(1, "one")).await;
    connection.read_line(&mut store, "closed").await;
    connection.send(input(2, "two")).await;
    connection.read_until(FromShim::InputClosed { last_taken: 1 }).await;
}

#[tokio::test]
async fn an_exit_closes_the_input_too() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("exit 0").await;
    connection.read_until(FromShim::InputClosed { last_taken: 0 }).await;
}

#[tokio::test]
async fn a_server_that_overruns_the_window_or_leaves_a_hole_is_hung_up_on() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.welcome(0).await;
    for seq in 1..=INPUT_WINDOW as u64 + 1 {
        connection.send(input(seq, "")).await;
    }
    assert_hung_up(connection).await;

    let mut connection = sandbox.welcome(0).await;
    let hole = connection.hello.next_input + 1;
    connection.send(input(hole, "")).await;
    assert_hung_up(connection).await;
    sandbox.welcome(0).await;
}

async fn assert_hung_up(mut connection: crate::harness::Connection) {
    let end = connection.try_read().await;
    assert!(matches!(end, Ok(None) | Err(_)), "{end:?}");
}
