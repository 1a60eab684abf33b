//! Frames: how messages become bytes on any ordered byte stream.
//!
//! ```text
//! ┌──────────────────────┬────────┬─────────────────────┐
//! │ length: u32          │ kind   │ payload             │   length counts kind and payload;
//! └──────────────────────┴────────┴─────────────────────┘   all numbers are big-endian
//! kind 0, control: JSON of the message
//! kind 1, line:    seq: u64, stream: u8 (1 stdout, 2 stderr), truncated: u8 (0 or 1), the line
//! kind 2, input:   seq: u64, the line
//! kind 3, file:    offset: u64, mode: u32, length of path: u16, path, the piece
//! ```
//!
//! What is large travels as it is, without the escaping that JSON would need. A frame is at most
//! [`MAX_FRAME_BYTES`] long; [`FrameReader::set_limit`] lowers that for a peer that has not said who it is.

mod message;
mod reader;
mod writer;

pub use message::{Frame, Message};
pub use reader::FrameReader;
pub use writer::FrameWriter;

use crate::protocol::MAX_LINE_BYTES;

/// The longest frame: the longest line and room for what goes before it.
pub const MAX_FRAME_BYTES: usize = MAX_LINE_BYTES + (64 << 10);

/// Why a message could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The connection ended in the middle of a frame.
    #[error("the connection ended in the middle of a frame")]
    Cut,
    /// A frame is longer than allowed, or too short to be one.
    #[error("a frame of {length} bytes, where 1 to {limit} are allowed")]
    Length {
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The kind of a frame has no meaning in this direction.
    #[error("a frame of kind {0} is not expected here")]
    Kind(u8),
    /// What stands before a frame's bytes is not well formed.
    #[error("a frame of kind {0} is malformed")]
    Malformed(u8),
    /// A control message is not what it should be.
    #[error("a control message is malformed")]
    Json(#[from] serde_json::Error),
}
