//! Messages to frames and back.

use bytes::{Buf, BufMut, Bytes, TryGetError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FrameError;
use crate::protocol::{Entry, File, FromShim, Line, Stream, ToShim};

const CONTROL: u8 = 0;
const LINE: u8 = 1;
const INPUT: u8 = 2;
const FILE: u8 = 3;

const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// A frame that is ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub(super) kind: u8,
    /// The first part of the payload.
    pub(super) head: Vec<u8>,
    /// The rest of the payload, shared with the message and not copied.
    pub(super) body: Bytes,
}

/// What can travel in a frame.
pub trait Message: Sized {
    /// The message as a frame.
    fn encode(&self) -> Result<Frame, FrameError>;

    /// The message in a frame of `kind`.
    fn decode(kind: u8, payload: Bytes) -> Result<Self, FrameError>;
}

impl Message for FromShim {
    fn encode(&self) -> Result<Frame, FrameError> {
        let Self::Entry { seq, entry: Entry::Line(line) } = self else {
            return control(self);
        };
        let mut head = Vec::with_capacity(10);
        head.put_u64(*seq);
        head.put_u8(match line.stream {
            Stream::Stdout => STDOUT,
            Stream::Stderr => STDERR,
        });
        head.put_u8(line.truncated.into());
        Ok(Frame { kind: LINE, head, body: line.bytes.clone() })
    }

    fn decode(kind: u8, payload: Bytes) -> Result<Self, FrameError> {
        match kind {
            CONTROL => uncontrol(&payload),
            LINE => line(payload).ok_or(FrameError::Malformed(kind)),
            other => Err(FrameError::Kind(other)),
        }
    }
}

impl Message for ToShim {
    fn encode(&self) -> Result<Frame, FrameError> {
        match self {
            Self::Input { seq, bytes } => {
                Ok(Frame { kind: INPUT, head: seq.to_be_bytes().to_vec(), body: bytes.clone() })
            }
            Self::File(file) => {
                let path_length = u16::try_from(file.path.len()).map_err(|_| FrameError::Malformed(FILE))?;
                let mut head = Vec::with_capacity(14 + file.path.len());
                head.put_u64(file.offset);
                head.put_u32(file.mode);
                head.put_u16(path_length);
                head.put_slice(file.path.as_bytes());
                Ok(Frame { kind: FILE, head, body: file.bytes.clone() })
            }
            message => control(message),
        }
    }

    fn decode(kind: u8, payload: Bytes) -> Result<Self, FrameError> {
        match kind {
            CONTROL => uncontrol(&payload),
            INPUT => input(payload).map_err(|_| FrameError::Malformed(kind)),
            FILE => file(payload).ok_or(FrameError::Malformed(kind)),
            other => Err(FrameError::Kind(other)),
        }
    }
}

fn control<M: Serialize>(message: &M) -> Result<Frame, FrameError> {
    Ok(Frame { kind: CONTROL, head: serde_json::to_vec(message)?, body: Bytes::new() })
}

fn uncontrol<M: DeserializeOwned>(payload: &[u8]) -> Result<M, FrameError> {
    Ok(serde_json::from_slice(payload)?)
}

fn line(mut payload: Bytes) -> Option<FromShim> {
    let seq = payload.try_get_u64().ok()?;
    let stream = match payload.try_get_u8().ok()? {
        STDOUT => Stream::Stdout,
        STDERR => Stream::Stderr,
        _ => return None,
    };
    let truncated = match payload.try_get_u8().ok()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(FromShim::Entry { seq, entry: Entry::Line(Line { stream, truncated, bytes: payload }) })
}

fn input(mut payload: Bytes) -> Result<ToShim, TryGetError> {
    let seq = payload.try_get_u64()?;
    Ok(ToShim::Input { seq, bytes: payload })
}

fn file(mut payload: Bytes) -> Option<ToShim> {
    let offset = payload.try_get_u64().ok()?;
    let mode = payload.try_get_u32().ok()?;
    let path_length = usize::from(payload.try_get_u16().ok()?);
    if payload.len() < path_length {
        return None;
    }
    let path = String::from_utf8(payload.split_to(path_length).into()).ok()?;
    Some(ToShim::File(File { path, mode, offset, bytes: payload }))
}
