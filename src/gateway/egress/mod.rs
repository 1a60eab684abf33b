//! Egress: the one way from a sandbox to hosts it was granted, by HTTPS and by name.
//!
//! ```text
//!   tool ─ HTTPS_PROXY ─► shim ═ the sandbox's socket ═► door ─ CONNECT host:port ─► connect
//!     policy ─► resolve once ─► addresses ─► connect to that address ─► 200 ─► hello (its server name) ─► tunnel
//! ```
//!
//! Nothing leaves before the TLS server name was seen to be the host that was granted; what leaves goes to the very address
//! that was checked. The bytes are the sandbox's and the host's own: nothing is decrypted here. What became of each
//! connection is recorded (`records`).

mod addresses;
mod connect;
mod door;
mod hello;
mod reason;
mod records;
mod resolver;
mod tunnel;

pub(super) use connect::{Egress, Shared};
pub(super) use door::router;
