//! The protocol between a shim and the server, version [`VERSION`].
//!
//! # Connection
//!
//! The shim connects; the server listens. The transport is any reliable ordered byte stream: a unix socket mounted
//! into the sandbox, or TLS from another machine. A lost connection means nothing: the shim connects again every
//! 50 ms until the grace of its [contract](crate::contract) has passed without a welcome, and then ends the agent.
//! Either side may close a connection at any time; a side that breaks a rule below is disconnected.
//!
//! Messages travel in frames (see [`frame`](crate::frame)). Numbers called `seq` start at 1 and have no holes.
//!
//! # Handshake
//!
//! ```text
//! shim                                              server
//!  │── Hello{version, token, epoch, posture,          │
//!  │         last_entry, next_input} ────────────────►│  knows the token? newest epoch? posture as specified?
//!  │◄───────────────────────── Welcome{version, have} │
//!  │◄───────────── File…, Start (if last_entry is 0)  │
//!  │── Entry{have + 1}, Entry{have + 2}, … ──────────►│  stores
//!  │◄──────────────────────────────────── Ack{seq}    │
//! ```
//!
//! `Hello` is the first message of **every** connection and the only one before `Welcome`; a server reads it with the
//! limit [`MAX_HELLO_BYTES`], because nobody is known yet. A server that refuses closes the connection. A `Welcome` of
//! another version is a [`Fault`], or, when the agent was started already, no welcome at all.
//!
//! # Entries: from the agent to the server
//!
//! The shim keeps a journal of [`Entry`] values. `Started` is always the first, then the agent's lines in the order
//! they were read, and `Exited` is always the last: it follows when both of the agent's pipes were read to their end, or
//! 500 ms after the agent's exit when an orphan still holds them. After a `Welcome` the shim sends all entries above
//! `have`, again if it must. The server stores an entry and *then* says `Ack{seq}`, which stands for all entries up to
//! `seq`; only then does the shim forget them. `have` is the last entry the server has stored, and acknowledges too.
//! The journal is bounded: when it is full the shim stops reading the agent's pipes, and the agent waits.
//!
//! `OutOfMemory{killed}` may stand anywhere between the first and the last entry: the shim looks twice a second, and
//! before each line, and before `Exited`, whether processes of the sandbox were killed for want of memory. Where it cannot see that, none comes.
//!
//! A line is what stands between two newlines, whatever its bytes, up to [`MAX_LINE_BYTES`]; a longer one is cut there
//! and marked. What stands after the last newline at the end of the stream is a line too.
//!
//! # Inputs: from the server to the agent
//!
//! `Input{seq, bytes}` is a line for the agent's stdin (the shim adds the newline) and `CloseInput{seq}` is its end; both
//! count in one sequence. `InputTaken{seq}` says that every input up to `seq` was written whole. After a reconnection
//! the server goes on with `next_input`: what is below is in the shim's hands and will be neither lost nor written
//! twice, and the shim says again how far it is. Inputs sent before `Start` wait for the agent.
//!
//! An agent may not read. So the server leaves at most [`INPUT_WINDOW`] inputs of together [`INPUT_WINDOW_BYTES`]
//! unanswered; one single input may always be under way.
//!
//! `InputClosed{last_taken}` says that the stdin is closed, because it was asked for or because the agent ended or does
//! not want more: no input above `last_taken` was written whole, none ever will be.
//!
//! # Resources
//!
//! The shim looks what its sandbox uses when it begins, soon after, and then every
//! [`RESOURCES_EVERY`](crate::contract::RESOURCES_EVERY), and says it as [`Resources`]. They are no entry: they have no
//! `seq`, are not acknowledged and never said twice. Only the newest count; where the connection is busy or lost, older ones
//! are left out. What a sandbox cannot see of itself is absent. None come after a fault.
//!
//! # Start
//!
//! `File` messages put files where the agent will look for them, a long one in several pieces (see [`File::pieces`]).
//! `Start` starts the agent. Both are ignored once an agent was started, so that a server that does not know how far it
//! came simply sends them again as long as `last_entry` is 0.
//!
//! # Egress
//!
//! Is no part of this protocol. Where the [contract](crate::contract::Egress) says so, the shim listens at an address inside
//! before the agent is started, and carries what connects there to another socket of the server's, which speaks HTTP.
//!
//! # Stop
//!
//! `Signal` goes to the agent's process group. `Finish` says that the server needs nothing more: the shim exits with 0. If
//! the agent still runs it is ended first (`TERM`, 2 s, `KILL`), and its last entries are offered for another 2 s. A
//! `TERM` to the shim does the same as `Finish`.
//!
//! # Faults
//!
//! A [`Fault`] says why no agent will run in this sandbox. The shim sends it after the `Welcome`, waits for the server
//! to close the connection (at most 5 s in all, also when no server comes), and exits with 97.

mod from_shim;
mod posture;
mod to_shim;
mod token;

pub use from_shim::{Entry, Exited, Fault, FaultKind, FromShim, Hello, Line, Resources, Stream};
pub use posture::{Capabilities, Limit, Limits, Mount, Posture, SECCOMP_DISABLED, SECCOMP_FILTER, UNKNOWN_INTERFACE};
pub use to_shim::{File, Signal, Start, ToShim};
pub use token::Token;

/// The version of this protocol. Both sides must speak the same.
pub const VERSION: u32 = 3;

/// The longest line that is carried whole, and the longest input.
pub const MAX_LINE_BYTES: usize = 32 << 20;
/// How long a `Hello` may be: all that a peer without a name may make the server hold.
pub const MAX_HELLO_BYTES: usize = 256 << 10;
/// How many inputs the server may have under way.
pub const INPUT_WINDOW: usize = 256;
/// How many bytes of inputs the server may have under way, unless it is only one.
pub const INPUT_WINDOW_BYTES: usize = 8 << 20;
