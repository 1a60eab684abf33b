//! What the server says to a shim.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A message from the server to the shim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToShim {
    /// The shim is who it says it is: the first message of every connection.
    Welcome {
        /// The protocol version the server speaks with this shim.
        version: u32,
        /// The last entry the server has stored; 0 when it has none.
        have: u64,
    },
    /// A file the agent will need. Travels in a frame of its own kind, never as JSON.
    #[serde(skip)]
    File(File),
    /// Start the agent.
    Start(Start),
    /// Every entry up to this one is stored.
    Ack {
        /// The last entry stored.
        seq: u64,
    },
    /// A line for the agent's stdin. Travels in a frame of its own kind, never as JSON.
    #[serde(skip)]
    Input {
        /// Its place in the sequence of inputs.
        seq: u64,
        /// The line without its newline.
        bytes: Bytes,
    },
    /// The end of the agent's stdin.
    CloseInput {
        /// Its place in the sequence of inputs.
        seq: u64,
    },
    /// A signal for the agent and what it started in its process group.
    Signal {
        /// Which.
        signal: Signal,
    },
    /// The server needs nothing more from this sandbox.
    Finish,
}

/// A piece of a file to be written before the agent starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where, as an absolute path without `..`; missing directories are made with mode 0700.
    pub path: String,
    /// Permission bits of the file when it is made.
    pub mode: u32,
    /// Where in the file this piece belongs; the piece at 0 empties the file first.
    pub offset: u64,
    /// What belongs there.
    pub bytes: Bytes,
}

/// What to start as the agent.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The program, looked up in the `PATH` of `env` unless it has a slash, and its arguments.
    pub argv: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// The directory to start in.
    pub cwd: String,
}

/// The signals a server may send to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Stop what you are doing and say what it cost.
    Int,
    /// End.
    Term,
    /// End now, whatever you are doing.
    Kill,
}

impl File {
    /// The longest piece that [`File::pieces`] makes.
    pub const PIECE_BYTES: usize = 1 << 20;

    /// A whole file as the messages that carry it: at least one, so that an empty file is made too.
    pub fn pieces(path: &str, mode: u32, contents: Bytes) -> impl Iterator<Item = ToShim> + use<> {
        let path = path.to_owned();
        let last_piece = contents.len().saturating_sub(1) / Self::PIECE_BYTES;
        (0..=last_piece).map(move |piece| {
            let start = piece * Self::PIECE_BYTES;
            let end = contents.len().min(start + Self::PIECE_BYTES);
            ToShim::File(Self { path: path.clone(), mode, offset: start as u64, bytes: contents.slice(start..end) })
        })
    }
}

/// Names the environment's variables but not their values, which may be secrets.
impl std::fmt::Debug for Start {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Start")
            .field("argv", &self.argv)
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces_of(length: usize) -> Vec<(u64, usize)> {
        File::pieces("/home/agent/file", 0o600, Bytes::from(vec![7; length]))
            .map(|message| match message {
                ToShim::File(file) => (file.offset, file.bytes.len()),
                other => panic!("not a file: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_file_is_carried_in_pieces_that_follow_each_other() {
        let piece = File::PIECE_BYTES;
        assert_eq!(pieces_of(0), [(0, 0)]);
        assert_eq!(pieces_of(piece), [(0, piece)]);
        assert_eq!(pieces_of(piece + 1), [(0, piece), (piece as u64, 1)]);
    }

    #[test]
    fn values_of_the_environment_are_not_printed() {
        let env = BTreeMap::from([("API_KEY".to_owned(), "hunter2".to_owned())]);
        let printed = format!("{:?}", Start { env, ..Start::default() });
        assert!(printed.contains("API_KEY") && !printed.contains("hunter2"), "{printed}");
    }
}
