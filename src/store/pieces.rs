//! Long answers, read piece by piece: what a reader has not taken yet is not in memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};

use super::{Store, StoreError};
use crate::domain::TenantId;
use crate::fair::{FairGate, Permit};

/// The longest answer that is given at once. A longer one needs a permit for as long as it is being read.
const SMALL_BYTES: usize = 1 << 20;

/// Long answers that are read at the same time, and how many of them by one tenant.
const READERS: usize = 32;
const READERS_OF_TENANT: usize = 8;

/// The bytes of an answer, in order.
pub struct Pieces {
    /// How many bytes there are, where that is known before they are read.
    length: Option<u64>,
    stream: BoxStream<'static, Result<Bytes, StoreError>>,
}

/// Who may read a long answer now.
#[derive(Clone, Debug)]
pub(super) struct Readers(FairGate);

impl Readers {
    pub(super) fn new() -> Self {
        Self(FairGate::with_share(READERS, READERS_OF_TENANT))
    }

    /// Waits until a tenant may read a long answer.
    pub(super) async fn permit(&self, tenant: TenantId) -> Permit {
        self.0.acquire(tenant).await
    }
}

impl Store {
    /// An answer of which all pieces are in memory.
    pub async fn whole(&self, tenant: TenantId, pieces: Vec<Bytes>) -> Pieces {
        let length = pieces.iter().map(Bytes::len).sum::<usize>();
        let stream = if length <= SMALL_BYTES {
            let whole = if let [only] = &pieces[..] { only.clone() } else { pieces.concat().into() };
            stream::once(async { Ok(whole) }).boxed()
        } else {
            let permit = self.readers.permit(tenant).await;
            held(stream::iter(pieces).map(Ok), permit).boxed()
        };
        Pieces { length: Some(length as u64), stream }
    }

    /// An answer that is read from the store as its reader takes it.
    pub async fn streamed(
        &self,
        tenant: TenantId,
        pieces: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
    ) -> Pieces {
        let permit = self.readers.permit(tenant).await;
        Pieces { length: None, stream: held(pieces, permit).boxed() }
    }
}

/// `pieces`, with the permit to read them.
fn held<T>(pieces: impl Stream<Item = T>, permit: Permit) -> impl Stream<Item = T> {
    pieces.map(move |piece| {
        let _held = &permit;
        piece
    })
}

impl Pieces {
    /// How many bytes there are, where that is known before they are read.
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// When the store fails.
    #[cfg(test)]
    pub(crate) async fn collect(mut self) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pieces").field("length", &self.length).finish_non_exhaustive()
    }
}
