//! What operators ask for outside this server: cancels are done, and copies of what they changed are dropped.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::sleep;
use tracing::error;

use super::Registry;
use crate::store::{Following, StoreError};

/// How often is looked whether anything was asked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Turns that are cancelled at once, and looked up together.
const AT_ONCE: usize = 16;
const BATCH: u32 = 500;

impl Registry {
    /// Keeps doing what operators ask for at the command line, until the process ends. What was asked for before the start is
    /// done before this returns.
    pub(super) async fn keep_following(&self) -> Result<(), StoreError> {
        let mut following = self.shared().store.follow().await?;
        self.cancel_asked().await?;
        let (registry, stopping) = (self.clone(), self.shared().tasks.stopping().clone());
        self.shared().tasks.spawn("operators' requests", async move {
            while stopping.run_until_cancelled(sleep(LOOK_EVERY)).await.is_some() {
                if let Err(error) = registry.follow(&mut following).await {
                    error!(error = &error as &dyn std::error::Error, "operators' requests cannot be read");
                }
            }
        });
        Ok(())
    }

    async fn follow(&self, following: &mut Following) -> Result<(), StoreError> {
        self.shared().store.catch_up(following).await?;
        self.cancel_asked().await
    }

    /// Cancels every turn under way that an operator asked to cancel.
    ///
    /// # Errors
    /// When the store fails; what was cancelled until then stays cancelled, and the rest is tried again.
    pub async fn cancel_asked(&self) -> Result<(), StoreError> {
        let asked = self.shared().store.sessions().to_cancel(BATCH).await?;
        let cancels = asked.into_iter().map(|turn| async move { self.cancel_this(&turn).await });
        let mut cancels = futures_util::stream::iter(cancels).buffer_unordered(AT_ONCE);
        while let Some(cancelled) = cancels.next().await {
            cancelled?;
        }
        Ok(())
    }
}
