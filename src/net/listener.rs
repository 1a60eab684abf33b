//! The accept loop, the same for every listener.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use futures_util::FutureExt;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::accept::{Backoff, is_of_the_peer};
use super::connection::{self, Shared};
use super::pool::{Full, Place};
use super::state::State;
use super::{Accept, BodyMemory, Limits, Pool, Share};
use crate::lifecycle::Tasks;

/// The answer to a peer for whose connection there is no place.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A network of IPv6 that counts as one address: it belongs to one peer, and its addresses cost nothing.
const V6_PEER_BITS: u32 = 64;

/// What a listener's connections get.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What it is called in the log.
    pub name: &'static str,
    /// The deadlines.
    pub limits: Limits,
    /// The places.
    pub pool: Arc<Pool>,
    /// The most places one address may take. `None`: the addresses of peers are not told apart.
    pub max_per_address: Option<usize>,
    /// Addresses that many peers share, which are not bounded.
    pub shared_addresses: Vec<IpNet>,
    /// What of the pool all its connections may take together.
    pub shares: Vec<Share>,
    /// The memory of request bodies; `None`: handlers bound that themselves.
    pub memory: Option<Arc<BodyMemory>>,
    /// Where connections are spawned.
    pub tasks: Tasks,
}

impl Listener {
    /// Serves `router` on `socket` until `closing` is cancelled or the process stops. Requests that are under way then are
    /// finished by tasks of their own.
    pub async fn serve<A: Accept>(self, socket: A, router: Router, closing: CancellationToken) {
        let stopping = self.tasks.stopping().clone();
        let shared = Shared {
            router,
            limits: self.limits,
            memory: self.memory.clone(),
            closing: closing.clone(),
            stopping: stopping.clone(),
        };
        let accepting = self.accept_all(&socket, &shared);
        tokio::select! {
            () = stopping.cancelled() => {}
            () = closing.cancelled() => {}
            () = accepting => {}
        }
    }

    async fn accept_all<A: Accept>(&self, socket: &A, shared: &Shared) {
        let mut backoff = Backoff::new();
        loop {
            match socket.accept_next().await {
                Ok((stream, peer)) => {
                    backoff.reset();
                    self.admit::<A>(stream, peer, shared).await;
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    let (is_first, pause) = backoff.next();
                    if is_first {
                        error!(listener = self.name, %error, "connections cannot be accepted");
                    }
                    self.pool.make_room();
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Serves a connection as soon as there is a place for it. One whose own address has used up its share is refused.
    async fn admit<A: Accept>(&self, stream: A::Stream, peer: Option<SocketAddr>, shared: &Shared) {
        let state = State::new(self.limits);
        let bounds = self.bounds_of(peer.map(|peer| peer.ip()));
        match self.place(&bounds, &state, peer.is_some()).await {
            Some(place) => {
                let serving = connection::serve(shared.clone(), stream, place, state, peer);
                let name = self.name;
                self.tasks.spawn("connection", async move {
                    if AssertUnwindSafe(serving).catch_unwind().await.is_err() {
                        error!(listener = name, "a request panicked; its connection was closed");
                    }
                });
            }
            None => A::refuse(stream, NO_PLACE),
        }
    }

    /// Waits for a place. `None` when the peer has used up its own.
    async fn place(&self, bounds: &Arc<[Share]>, state: &Arc<State>, has_address: bool) -> Option<Place> {
        let mut was_full = false;
        loop {
            match self.pool.admit(bounds, state) {
                Ok(place) => return Some(place),
                Err(Full::Share) if has_address => {
                    debug!(listener = self.name, "an address has too many connections");
                    return None;
                }
                Err(Full::Pool | Full::Share) => {
                    if !std::mem::replace(&mut was_full, true) && has_address {
                        warn!(listener = self.name, max = self.pool.max(), "all connections are taken: new ones wait");
                    }
                    self.pool.changed().await;
                }
            }
        }
    }

    fn bounds_of(&self, address: Option<IpAddr>) -> Arc<[Share]> {
        let own = address.map(|address| address.to_canonical()).zip(self.max_per_address);
        let own = own.filter(|(address, _)| !self.shared_addresses.iter().any(|network| network.contains(address)));
        let own = own.map(|(address, max)| Share { owner: owner_of(address), max: max.max(1) });
        self.shares.iter().copied().chain(own).collect()
    }
}

fn owner_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & (u128::MAX << (128 - V6_PEER_BITS)),
    }
}

/// Binds a TCP port without serving it yet.
///
/// # Errors
/// When it is taken, or is not ours to take.
pub async fn bind(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address).await
}
