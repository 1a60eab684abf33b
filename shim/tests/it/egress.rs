//! The way to granted hosts, as tools inside a sandbox find it.

#![expect(clippy::unwrap_used, reason = "a sandbox that cannot be made should say where")]

use std::net::{Ipv4Addr, SocketAddr};

use innkeeper_shim::contract::Egress;
use innkeeper_shim::protocol::{FaultKind, FromShim, ToShim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener};

use crate::harness::{Sandbox, Store};

/// A sandbox with egress to a socket of the test's, and that socket.
fn with_egress() -> (Sandbox, SocketAddr, UnixListener) {
    let mut sandbox = Sandbox::new();
    // A port that was free a moment ago; in a sandbox it is a fixed one.
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let socket = sandbox.directory.path().join("gateway.sock");
    let gateway = UnixListener::bind(&socket).unwrap();
    sandbox.contract.egress = Some(Egress { listen, socket });
    (sandbox, listen, gateway)
}

#[tokio::test]
async fn what_a_tool_says_reaches_the_gateway_and_back_to_the_end_of_both() {
    let (mut sandbox, listen, gateway) = with_egress();
    sandbox.start();
    let _hello = sandbox.welcome(0).await;
    let sent: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    for _ in 0..3 {
        let mut tool = TcpStream::connect(listen).await.unwrap();
        let (mut server, _) = gateway.accept().await.unwrap();
        let saying = async {
            tool.write_all(&sent).await.unwrap();
            tool.shutdown().await.unwrap();
            let mut heard = String::new();
            tool.read_to_string(&mut heard).await.unwrap();
            heard
        };
        let answering = async {
            let mut heard = Vec::new();
            server.read_to_end(&mut heard).await.unwrap();
            server.write_all(b"all of it").await.unwrap();
            server.shutdown().await.unwrap();
            heard
        };
        let (answer, heard) = tokio::join!(saying, answering);
        assert_eq!(answer, "all of it");
        assert!(heard == sent, "{} of {} bytes", heard.len(), sent.len());
    }
}

#[tokio::test]
async fn a_tool_is_hung_up_on_when_the_gateway_hangs_up_or_is_not_there() {
    let (mut sandbox, listen, gateway) = with_egress();
    sandbox.start();
    let _hello = sandbox.welcome(0).await;
    let mut tool = TcpStream::connect(listen).await.unwrap();
    drop(gateway.accept().await.unwrap());
    assert!(matches!(tool.read(&mut [0]).await, Ok(0) | Err(_)));
    std::fs::remove_file(sandbox.directory.path().join("gateway.sock")).unwrap();
    let mut tool = TcpStream::connect(listen).await.unwrap();
    assert!(matches!(tool.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn nothing_listens_where_nothing_is_granted() {
    let (mut sandbox, listen, _gateway) = with_egress();
    sandbox.contract.egress = None;
    sandbox.start();
    let _hello = sandbox.welcome(0).await;
    assert!(TcpStream::connect(listen).await.is_err());
}

#[tokio::test]
async fn an_address_that_cannot_be_listened_at_is_a_fault() {
    let (mut sandbox, listen, _gateway) = with_egress();
    let _taken = std::net::TcpListener::bind(listen).unwrap();
    sandbox.start();
    let mut connection = sandbox.welcome(0).await;
    connection.send(ToShim::Start(sandbox.shell("touch started"))).await;
    let FromShim::Fault(fault) = connection.read().await else { panic!("not a fault") };
    assert_eq!(fault.kind, FaultKind::AgentNotStarted);
    assert!(fault.message.contains(&listen.to_string()), "{fault}");
    assert!(!sandbox.file("started").exists());
}

#[tokio::test]
async fn connections_do_not_hold_up_the_end() {
    let (mut sandbox, listen, gateway) = with_egress();
    sandbox.start();
    let mut connection = sandbox.order("echo done").await;
    let _tool = TcpStream::connect(listen).await.unwrap();
    let _server = gateway.accept().await.unwrap();
    connection.read_to_the_end(&mut Store::default()).await;
    connection.send(ToShim::Finish).await;
    assert_eq!(sandbox.exit_code().await, 0);
}
