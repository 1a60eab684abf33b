//! Signs of life of a call that waits: the session is at work although its agent and its model are silent.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::sandbox::Activity;

/// How often a sign is given: more often than any timeout of silence that makes sense.
const SIGN_EVERY: Duration = Duration::from_millis(500);

/// What `future` comes to. Until then signs of life are given.
pub(super) async fn alive<T>(activity: &Activity, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        tokio::select! {
            biased;
            value = &mut future => return value,
            () = sleep(SIGN_EVERY) => activity.touch(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn signs_are_given_as_long_as_it_takes() {
        let activity = Activity::new();
        let mut signs = activity.watch();
        assert_eq!(alive(&activity, async { 7 }).await, 7);
        assert!(!signs.has_changed().unwrap(), "nothing was waited for");
        alive(&activity, sleep(Duration::from_mins(2))).await;
        assert!(signs.has_changed().unwrap());
        signs.mark_unchanged();
        tokio::time::timeout(Duration::from_millis(501), alive(&activity, std::future::pending::<()>()))
            .await
            .unwrap_err();
        assert!(signs.has_changed().unwrap());
    }
}
