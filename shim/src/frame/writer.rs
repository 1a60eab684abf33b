//! Writing messages to a stream.

use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};

use super::{FrameError, MAX_FRAME_BYTES, Message};

/// Small frames are gathered up to this size before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes messages to a stream.
///
/// No method is cancel-safe: a writer whose call was dropped must be dropped too, and the connection with it.
#[derive(Debug)]
pub struct FrameWriter<W> {
    inner: BufWriter<W>,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes messages to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner: BufWriter::with_capacity(BUFFER_BYTES, inner) }
    }

    /// Writes `message`, perhaps only into the buffer: [`flush`](Self::flush) after the last of several.
    pub async fn feed<M: Message>(&mut self, message: &M) -> Result<(), FrameError> {
        let frame = message.encode()?;
        let length = 1 + frame.head.len() + frame.body.len();
        let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME_BYTES);
        let Some(prefix) = prefix else {
            return Err(FrameError::Length { length, limit: MAX_FRAME_BYTES });
        };
        self.inner.write_u32(prefix).await?;
        self.inner.write_u8(frame.kind).await?;
        self.inner.write_all(&frame.head).await?;
        self.inner.write_all(&frame.body).await?;
        Ok(())
    }

    /// Hands everything fed so far to the stream.
    pub async fn flush(&mut self) -> Result<(), FrameError> {
        Ok(self.inner.flush().await?)
    }

    /// Writes `message` and hands it to the stream.
    pub async fn send<M: Message>(&mut self, message: &M) -> Result<(), FrameError> {
        self.feed(message).await?;
        self.flush().await
    }
}
