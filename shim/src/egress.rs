//! Carries what the agent's tools send to an address on loopback to the server's socket, and back. What is let through is
//! decided at the other end; here nothing is read.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use innkeeper_shim::contract::{Egress, MAX_EGRESS_CONNECTIONS};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long to wait after a connection could not be accepted, for want of descriptors as a rule.
const RETRY: Duration = Duration::from_millis(50);

/// Listens before anything is started that could listen there in its place.
pub(crate) async fn listen(egress: &Egress) -> io::Result<TcpListener> {
    TcpListener::bind(egress.listen).await
}

/// Carries whoever connects, for as long as the sandbox lives.
pub(crate) async fn forward(listener: TcpListener, egress: &Egress) -> Infallible {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            // A connection that broke has ended, and whoever made it notices.
            Some(_) = carried.join_next() => {}
            accepted = listener.accept(), if carried.len() < MAX_EGRESS_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(carried.spawn(carry(stream, egress.socket.clone()))),
                Err(_) => sleep(RETRY).await,
            },
        }
    }
}

async fn carry(mut tool: TcpStream, socket: PathBuf) -> io::Result<()> {
    let mut server = UnixStream::connect(socket).await?;
    copy_bidirectional(&mut tool, &mut server).await?;
    Ok(())
}
