//! Listeners that stay: deadlines, bounds on connections and on memory, for every socket HTTP is served on.
//!
//! [`Listener::serve`] is the one accept loop. What a peer can make the server hold is bounded at each step:
//!
//! 1. **A connection** takes a place in a [`Pool`], which bounds them in total and per peer. When there is no place, the
//!    connection that has waited longest without a request makes room, so that sockets that say half a head cannot shut
//!    anybody out. What the server needs for itself is kept out of the pools ([`DescriptorBudget`]).
//! 2. **The head** of a request has a deadline, and so has the time between two requests.
//! 3. **The body** is read by the handler, after it knows who calls. It has to keep a minimum rate, and takes its memory out
//!    of one [`BodyMemory`], of which each owner gets a share.
//! 4. **The answer** has to be read: a peer that stops reading loses its connection.
//! 5. **A body that was not read** is discarded after the answer, up to a bound, so that the answer arrives: a connection
//!    that is closed with unread bytes is reset, and the peer loses what it has not read yet.

mod accept;
mod body;
mod connection;
mod descriptors;
mod limits;
mod linger;
mod listener;
mod memory;
mod pool;
mod state;
mod stream;
#[cfg(test)]
mod tests;

pub use accept::Accept;
pub use body::{BodyClaim, BodyError};
pub use descriptors::{DescriptorBudget, raise_limit};
pub use limits::Limits;
pub use listener::{Listener, bind};
pub use memory::{BodyMemory, Grant};
pub use pool::{Pool, Share};
