//! What a shim says to the server.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Posture, Token};

/// A message from the shim to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromShim {
    /// Who is speaking: the first message of every connection.
    Hello(Box<Hello>),
    /// Something that happened to the agent, out of the journal.
    Entry {
        /// Its place in the journal.
        seq: u64,
        /// What happened.
        entry: Entry,
    },
    /// Every input up to this one was written to the agent's stdin whole.
    InputTaken {
        /// The last input written.
        seq: u64,
    },
    /// The agent's stdin is closed for good.
    InputClosed {
        /// The last input that was written whole; 0 when none was.
        last_taken: u64,
    },
    /// What the sandbox uses now: no entry, and no more than the newest counts.
    Resources(Resources),
    /// No agent will run in this sandbox.
    Fault(Fault),
}

/// Who a shim is and how far it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol version the shim speaks.
    pub version: u32,
    /// Proves that this is the sandbox's PID 1 and not a program beside it.
    pub token: Token,
    /// Which sandbox of its session this is.
    pub epoch: u64,
    /// The sandbox as the shim finds it.
    pub posture: Posture,
    /// The last entry written to the journal; 0 as long as no agent was started.
    pub last_entry: u64,
    /// The first input the shim does not have.
    pub next_input: u64,
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The agent runs: always the first entry.
    Started {
        /// Its process id, as seen from inside the sandbox.
        pid: u32,
    },
    /// The agent wrote a line. Travels in a frame of its own kind, never as JSON.
    #[serde(skip)]
    Line(Line),
    /// Processes of the sandbox were killed for want of memory. The agent may go on.
    OutOfMemory {
        /// How many, since the entry of this kind before.
        killed: u64,
    },
    /// The agent ended: always the last entry.
    Exited(Exited),
}

/// One line of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it was written.
    pub stream: Stream,
    /// Whether the end is missing, because the line was longer than [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES).
    pub truncated: bool,
    /// The line as it was written, without its newline; not necessarily UTF-8.
    pub bytes: Bytes,
}

/// The stream a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How the agent ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// Its exit code, if it exited by itself.
    pub code: Option<i32>,
    /// The number of the signal that ended it, if one did.
    pub signal: Option<i32>,
    /// How many processes of the sandbox were killed for want of memory while the agent ran; none if the sandbox
    /// cannot see its memory group.
    pub oom_kills: Option<u64>,
}

/// What a sandbox uses, all its processes together. What cannot be seen from inside is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Memory that could not be had back without work: cached files that nobody has used lately are not counted.
    pub memory_bytes: Option<u64>,
    /// Processor time since the sandbox was made.
    pub cpu_micros: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Why no agent will run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What went wrong, for programs.
    pub kind: FaultKind,
    /// What went wrong, for operators.
    pub message: String,
}

/// The kinds of [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// What is mounted as the workspace is not the directory the server opened.
    WorkspaceMismatch,
    /// The server speaks another version.
    VersionMismatch,
    /// A file could not be written.
    FileNotWritten,
    /// The agent could not be started.
    AgentNotStarted,
    /// A kind this version does not know.
    #[serde(other)]
    Unknown,
}
