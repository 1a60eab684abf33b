//! A server that vanishes: not a line is lost or doubled, and the agent waits rather than floods.

use innkeeper_shim::protocol::{Entry, FromShim, Stream, ToShim, VERSION};

use crate::harness::{Sandbox, Store, TOKEN, stdout};

#[tokio::test]
async fn every_connection_begins_with_who_and_how_far() {
    let sandbox = Sandbox::started();
    let connection = sandbox.accept().await;
    let hello = &connection.hello;
    assert_eq!((hello.version, hello.epoch), (VERSION, 5));
    assert_eq!(hello.token.expose(), TOKEN);
    assert_eq!((hello.last_entry, hello.next_input), (0, 1));
    assert_eq!(hello.posture.workspace_inode, sandbox.contract.workspace_inode);
    drop(connection);
    assert_eq!(sandbox.accept().await.hello.epoch, 5);
}

#[tokio::test]
async fn a_server_that_vanishes_again_and_again_misses_nothing() {
    let sandbox = Sandbox::started();
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done";
    let mut connection = sandbox.order(script).await;
    let mut store = Store::default();
    for round in 1.. {
        let mut ended = false;
        for _ in 0..round * 100 {
            let entry = connection.read_entry(&mut store).await;
            ended = matches!(entry, Entry::Exited(_));
            if ended {
                break;
            }
            // What is stored is acknowledged late, or never when the server vanishes first.
            if store.have() % 64 == 0 {
                connection.send(ToShim::Ack { seq: store.have() }).await;
            }
        }
        if ended {
            break;
        }
        drop(connection);
        connection = sandbox.welcome(store.have()).await;
    }
    let expected: Vec<_> = (0..20_000).map(|number| format!("line {number}")).collect();
    assert_eq!(store.lines(Stream::Stdout), expected);
}

#[tokio::test]
async fn a_second_order_is_ignored() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("echo first; read line; echo $line").await;
    let mut store = Store::default();
    connection.read_line(&mut store, "first").await;
    drop(connection);

    let mut connection = sandbox.order("echo second").await;
    connection.send(ToShim::Input { seq: 1, bytes: "input".into() }).await;
    let mut store = Store::default();
    connection.read_to_the_end(&mut store).await;
    assert_eq!(store.lines(Stream::Stdout), ["first", "input"]);
}

#[tokio::test]
async fn the_exit_waits_for_a_server_that_was_away() {
    let sandbox = Sandbox::started();
    let connection = sandbox.order("echo late; touch done; exit 4").await;
    drop(connection);
    let mut store = Store::default();
    let mut connection = sandbox.welcome(0).await;
    connection.send(ToShim::Start(sandbox.shell("exit 5"))).await;
    let exited = connection.read_to_the_end(&mut store).await;
    assert!(matches!(exited.code, Some(4 | 5)), "{exited:?}");
    assert_eq!(sandbox.file("done").exists(), exited.code == Some(4));
}

#[tokio::test]
async fn a_full_journal_makes_the_agent_wait_until_it_is_acknowledged() {
    let sandbox = Sandbox::started();
    let script = "head -c 16777216 /dev/zero | tr '\\0' 'x' | fold -w 1023; touch written";
    let mut connection = sandbox.order(script).await;
    let mut store = Store::default();
    connection.read_entry(&mut store).await;
    let mut unacknowledged_bytes = 0;
    let quiet = std::time::Duration::from_millis(300);
    while let Ok(entry) = tokio::time::timeout(quiet, connection.read_entry(&mut store)).await {
        let Entry::Line(line) = entry else { panic!("the agent did not wait: {entry:?}") };
        unacknowledged_bytes += line.bytes.len();
    }
    assert!(!sandbox.file("written").exists());
    assert!(unacknowledged_bytes < 5 << 20, "{unacknowledged_bytes}");

    connection.send(ToShim::Ack { seq: store.have() }).await;
    let exited = connection.read_to_the_end(&mut store).await;
    assert_eq!(exited.code, Some(0));
    let total: usize = store.lines(Stream::Stdout).iter().map(bytes::Bytes::len).sum();
    assert_eq!(total, 16 << 20);
}

#[tokio::test]
async fn a_server_that_acknowledges_what_was_never_written_is_hung_up_on() {
    let sandbox = Sandbox::started();
    let mut connection = sandbox.order("echo one; exec sleep 600").await;
    let mut store = Store::default();
    connection.read_line(&mut store, "one").await;
    connection.send(ToShim::Ack { seq: 99 }).await;
    assert!(matches!(connection.try_read().await, Ok(None) | Err(_)));

    let mut connection = sandbox.welcome(1).await;
    assert_eq!(connection.hello.last_entry, 2);
    let expected = FromShim::Entry { seq: 2, entry: stdout("one") };
    assert_eq!(connection.read().await, expected, "nothing was forgotten");
}
