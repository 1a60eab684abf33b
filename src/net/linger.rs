//! What happens to a request that was answered before it was read: the rest of it is discarded, so that its sender gets to
//! read the answer.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Limits;
use super::limits::sleep_until;
use super::state::State;

/// Bytes that are discarded at once.
const PIECE: usize = 16 * 1024;

/// Ends a connection: sends that no more comes, and discards what still arrives until the peer closes, the bound is reached,
/// it comes too slowly, or the place is needed.
pub(super) async fn linger<S>(mut stream: S, state: &State, limits: &Limits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    state.discard();
    if stream.shutdown().await.is_err() {
        return;
    }
    let (mut pace, mut left, mut piece) = (limits.pace(), limits.discard_bytes, vec![0; PIECE]);
    while left > 0 && !state.is_evicted() {
        tokio::select! {
            read = stream.read(&mut piece) => match read {
                Ok(0) | Err(_) => return,
                Ok(bytes) => {
                    pace.note(bytes);
                    left = left.saturating_sub(bytes as u64);
                }
            },
            () = sleep_until(pace.deadline()) => return,
            () = state.changed() => {}
        }
    }
}
