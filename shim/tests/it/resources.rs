//! What a sandbox uses, as the server hears it: the newest, beside everything else and in nobody's way.

use innkeeper_shim::protocol::{Stream, ToShim};

use crate::harness::{Sandbox, Store};

#[tokio::test]
async fn every_server_is_told_what_the_sandbox_uses_and_told_again() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.welcome(0).await;
    let first = connection.read_resources().await;
    let second = connection.read_resources().await;
    // A group that can be seen stays seen, and its processor time never runs backwards.
    assert_eq!(first.cpu_micros.is_some(), second.cpu_micros.is_some());
    assert!(first.cpu_micros <= second.cpu_micros, "{first:?} {second:?}");
    drop(connection);
    sandbox.welcome(0).await.read_resources().await;
}

#[tokio::test]
async fn a_full_journal_does_not_hold_it_up() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("yes full").await;
    let mut store = Store::default();
    connection.read_entry(&mut store).await;
    // Nothing is acknowledged, so the lines come to a stop. It is told all the same.
    for _ in 0..2 {
        connection.read_resources().await;
    }
}

#[tokio::test]
async fn it_is_no_entry_of_the_journal() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("echo one; read line; echo two").await;
    let mut store = Store::default();
    connection.read_line(&mut store, "one").await;
    connection.read_resources().await;
    connection.send(ToShim::CloseInput { seq: 1 }).await;
    // The store refuses a hole in the numbers.
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["one", "two"]);
}
