//! An issuer's keys, kept, so that callers neither wait for the issuer nor can make us flood it.
//!
//! There is at most one fetch at a time. Who needs keys that are there never waits for it; who needs keys that are not
//! waits, and looks again when it is over. How often there is a fetch depends on the clock alone:
//!
//! - Without keys: at once, and after a failure not for [`RETRY_MS`].
//! - With keys older than [`FRESH_MS`]: once in [`REFRESH_MS`] until it succeeds; meanwhile the old keys are used, until
//!   they are older than [`STALE_MS`].
//! - For a key id that is not among them: once in [`REFRESH_MS`], however many tokens come with however many ids.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{debug, warn};

use super::fetch::Source;
use super::keys::{Found, Key, KeySet};
use super::settings::Settings;
use super::{OidcError, Reason, Refused};
use crate::config::OidcAlgorithm;
use crate::domain::{Clock, Timestamp};

/// How long nothing is asked after nothing could be had.
const RETRY_MS: i64 = 5_000;

/// How long keys are used without asking for newer ones.
const FRESH_MS: i64 = 10 * 60 * 1_000;

/// How long lies between two requests for newer keys.
const REFRESH_MS: i64 = 60 * 1_000;

/// How long keys are used when newer ones cannot be had.
const STALE_MS: i64 = 24 * 60 * 60 * 1_000;

/// One issuer's keys.
#[derive(Debug)]
pub(super) struct KeyCache {
    source: Source,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    /// Held by who fetches.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    failed_at: Option<Timestamp>,
    /// When newer keys were last asked for because of the old ones' age.
    aged_at: Option<Timestamp>,
    /// When newer keys were last asked for because of an unknown id.
    unknown_at: Option<Timestamp>,
}

impl KeyCache {
    pub(super) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, OidcError> {
        let source = Source::new(settings)?;
        Ok(Self { source, clock, kept: Mutex::default(), fetching: tokio::sync::Mutex::default() })
    }

    /// The key with `id` for `algorithm`.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: OidcAlgorithm) -> Result<Arc<Key>, Refused> {
        let mut found = self.keys().await?.find(id, algorithm);
        if matches!(found, Found::Nothing) {
            found = self.keys_after_unknown(id, algorithm).await?.find(id, algorithm);
        }
        match found {
            Found::Key(key) => Ok(key),
            Found::Nothing => Err(Reason::UnknownKey.into()),
            Found::Several => Err(Reason::Ambiguous.into()),
        }
    }

    /// The keys to look in.
    async fn keys(&self) -> Result<Arc<KeySet>, Refused> {
        if let Some((keys, fetched_at)) = self.usable() {
            if !passed(fetched_at, self.clock.now(), FRESH_MS) {
                return Ok(keys);
            }
            // One caller asks for newer ones; whoever else comes meanwhile takes what is there.
            let Ok(_fetching) = self.fetching.try_lock() else { return Ok(keys) };
            if self.begin(|kept| &mut kept.aged_at) {
                self.fetch().await;
            }
            return Ok(self.usable().map_or(keys, |(keys, _)| keys));
        }
        let _fetching = self.fetching.lock().await;
        if self.usable().is_none() {
            // That it was begun is not noted: a caller who leaves would shut the others out.
            let failed_at = self.kept().failed_at;
            if failed_at.is_none_or(|failed_at| passed(failed_at, self.clock.now(), RETRY_MS)) {
                self.fetch().await;
            }
        }
        self.usable().map(|(keys, _)| keys).ok_or(Refused::Unavailable)
    }

    /// The keys to look in once more, after none was found.
    async fn keys_after_unknown(&self, id: Option<&str>, algorithm: OidcAlgorithm) -> Result<Arc<KeySet>, Refused> {
        let _fetching = self.fetching.lock().await;
        let (keys, _) = self.usable().ok_or(Refused::Unavailable)?;
        // Who was waited for may have fetched it.
        if matches!(keys.find(id, algorithm), Found::Nothing) && self.begin(|kept| &mut kept.unknown_at) {
            self.fetch().await;
            return self.usable().map(|(keys, _)| keys).ok_or(Refused::Unavailable);
        }
        Ok(keys)
    }

    /// Notes that newer keys are asked for, unless they were lately. It is noted before they are, so that callers who
    /// leave at once cannot have them asked for again.
    fn begin(&self, reason: impl FnOnce(&mut Kept) -> &mut Option<Timestamp>) -> bool {
        let now = self.clock.now();
        let mut kept = self.kept();
        let last = reason(&mut kept);
        let due = last.is_none_or(|last| passed(last, now, REFRESH_MS));
        if due {
            *last = Some(now);
        }
        due
    }

    /// Fetches; to be called by who holds `fetching`.
    async fn fetch(&self) {
        let fetched = self.source.fetch().await;
        let now = self.clock.now();
        match fetched {
            Ok(keys) => {
                debug!(issuer = self.source.issuer(), "fetched the issuer's keys");
                let mut kept = self.kept();
                kept.keys = Some((Arc::new(keys), now));
                kept.failed_at = None;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(issuer = self.source.issuer(), error, "the issuer's keys could not be fetched");
                self.kept().failed_at = Some(now);
            }
        }
    }

    /// The keys that are there, if they are not too old, and when they were fetched.
    fn usable(&self) -> Option<(Arc<KeySet>, Timestamp)> {
        let now = self.clock.now();
        let keys = self.kept().keys.clone();
        keys.filter(|(_, fetched_at)| now.millis_since(*fetched_at) < STALE_MS)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `millis` have passed since `then`. A clock that was set back says so too: it is not waited for until it is
/// where it was.
fn passed(then: Timestamp, now: Timestamp, millis: i64) -> bool {
    now < then || now.millis_since(then) >= millis
}
