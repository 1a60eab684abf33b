//! Asks the provider how long a request's input is, which is free: for documents, and where the bound by bytes does not fit
//! a budget.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tracing::warn;

use super::body;
use crate::gateway::forward::{Outgoing, Upstream};

/// How long the provider may take to count.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Count {
    input_tokens: u64,
}

/// The input of the call `outgoing` in tokens, as the provider counts it; `None` if it does not.
pub(in crate::gateway) async fn count(upstream: &Upstream, outgoing: &Outgoing) -> Option<u64> {
    let parts = body::for_count(&outgoing.body)?;
    let counted = tokio::time::timeout(PATIENCE, ask(upstream, outgoing, parts)).await;
    match counted {
        Ok(Ok(Some(tokens))) => return Some(tokens),
        Ok(Ok(None)) => warn!("counting a call's input was refused by the model API"),
        Ok(Err(error)) => {
            warn!(error = &error as &dyn std::error::Error, "counting a call's input failed");
        }
        Err(_) => warn!(timeout_ms = PATIENCE.as_millis(), "counting a call's input took too long"),
    }
    None
}

async fn ask(upstream: &Upstream, outgoing: &Outgoing, parts: Vec<Bytes>) -> reqwest::Result<Option<u64>> {
    let mut answer = upstream.count_parts(outgoing, parts).await?;
    if !answer.status().is_success() {
        return Ok(None);
    }
    let mut read = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if read.len() + piece.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        read.extend_from_slice(&piece);
    }
    Ok(serde_json::from_slice(&read).ok().map(|Count { input_tokens }| input_tokens))
}
