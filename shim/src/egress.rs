//! Carries what the agent's tools send to an address on loopback to the server's socket, and back. What is let through is
//! decided at the other end; here nothing is read.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use innkeeper_shim::contract::Egress;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Connections at the same time; further ones wait. The server has a bound of its own.
const MAX_CONNECTIONS: usize = 48;

/// How long to wait after a connection could not be accepted, for want of descriptors as a rule.
const RETRY: Duration = Duration::from_millis(50);

/// Listens before anything is started that could listen there in its place.
pub(crate) async fn listen(egress: &Egress) -> io::Result<TcpListener> {
    TcpListener::bind(egress.listen).await
}

/// Carries whoever connects, for as long as the sandbox lives.
pub(crate) async fn forward(listener: TcpListener, egress: &Egress) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let socket = egress.socket.clone();
                tokio::spawn(async move {
                    // A connection that breaks ends, and whoever made it notices.
                    let _ = carry(stream, &socket).await;
                    drop(place);
                });
            }
            Err(_) => sleep(RETRY).await,
        }
    }
}

async fn carry(mut tool: TcpStream, socket: &std::path::Path) -> io::Result<()> {
    let mut server = UnixStream::connect(socket).await?;
    copy_bidirectional(&mut tool, &mut server).await?;
    Ok(())
}
