//! Takes in what a sandbox sends, within the memory it is granted.
//!
//! A sandbox may open many connections and send a large body on each. What it can make the server keep is bounded by
//! what one sandbox is granted, so that it can make itself wait but nobody else.

use std::sync::Arc;

use axum::extract::Request;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::forward::Outgoing;
use super::reply::Refusal;
use super::server::Peer;
use crate::net::{BodyClaim, BodyError, Grant};

/// Bodies of the largest size that one sandbox may have under way.
const LARGEST_BODIES: usize = 2;

/// The unit in which memory is granted.
const GRAIN_BYTES: usize = 4096;

/// The memory of a body: of what its sandbox is granted, and of what all sandboxes are.
#[derive(Debug)]
pub(super) struct Memory {
    _sandbox: OwnedSemaphorePermit,
    _all: Option<Grant>,
}

/// The memory one sandbox's bodies are granted when a body has at most `max_body_bytes`.
pub(super) fn memory(max_body_bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(LARGEST_BODIES * grains(max_body_bytes) as usize))
}

impl Peer {
    /// Reads a request whole.
    pub(super) async fn take(&self, request: Request) -> Result<Outgoing, Refusal> {
        tokio::select! {
            outgoing = self.read(request) => outgoing,
            () = self.closed.cancelled() => Err(Refusal::ended()),
        }
    }

    async fn read(&self, request: Request) -> Result<Outgoing, Refusal> {
        let limit = self.gateway.max_body_bytes;
        let (head, body) = request.into_parts();
        let told = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let length = told.unwrap_or(limit);
        if length > limit {
            return Err(Refusal::too_large(limit));
        }
        let memory = Arc::clone(&self.memory).acquire_many_owned(grains(length)).await;
        let memory = memory.map_err(|_| Refusal::ended())?;
        let claim = head.extensions.get::<BodyClaim>().cloned().unwrap_or_default();
        let body = Limited::new(body, limit).collect().await.map_err(|error| match claim.failure() {
            Some(BodyError::NoMemory) => Refusal::no_memory(),
            Some(BodyError::TooSlow) => Refusal::malformed("it came too slowly"),
            None if error.is::<LengthLimitError>() => Refusal::too_large(limit),
            None => Refusal::malformed("it was cut"),
        })?;
        let memory = Memory { _sandbox: memory, _all: claim.take() };
        let query = head.uri.query().map(str::to_owned);
        Ok(Outgoing { query, headers: head.headers, body: body.to_bytes(), memory })
    }
}

fn grains(bytes: usize) -> u32 {
    u32::try_from(bytes / GRAIN_BYTES + 1).unwrap_or(u32::MAX)
}
