//! Reading messages from a stream.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{FrameError, MAX_FRAME_BYTES, Message};

/// How much room is made at a time, so that a length alone does not make anybody allocate.
const CHUNK_BYTES: usize = 64 << 10;
/// Room is made when less than this is left.
const LEAST_BYTES: usize = 4 << 10;
const LENGTH_BYTES: usize = size_of::<u32>();

/// Reads messages from a stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: R,
    /// What was read and is not a whole frame yet.
    buffer: BytesMut,
    limit: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads messages from `inner`, of up to [`MAX_FRAME_BYTES`].
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: BytesMut::new(), limit: MAX_FRAME_BYTES }
    }

    /// From now on, frames of up to `limit` bytes are read.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next message; none when the stream ended between two.
    ///
    /// Cancel-safe: what was read of a frame is kept for the next call.
    pub async fn read<M: Message>(&mut self) -> Result<Option<M>, FrameError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if self.buffer.capacity() - self.buffer.len() < LEAST_BYTES {
                self.buffer.reserve(CHUNK_BYTES);
            }
            if self.inner.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(FrameError::Cut) };
            }
        }
    }

    /// The first message in the buffer, if it is whole.
    fn take<M: Message>(&mut self) -> Result<Option<M>, FrameError> {
        let Some(length) = self.buffer.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize) else {
            return Ok(None);
        };
        if !(1..=self.limit).contains(&length) {
            return Err(FrameError::Length { length, limit: self.limit });
        }
        if self.buffer.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        let mut payload = self.buffer.split_to(length).freeze();
        let kind = payload.get_u8();
        M::decode(kind, payload).map(Some)
    }
}
