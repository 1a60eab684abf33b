//! From a key in plain text to whom it speaks for.
//!
//! The way of a key, cheapest step first:
//!
//! 1. Its form and checksum were read already: what comes here is at least no mistyped key.
//! 2. Its digest, keyed with a number drawn at start, so that nothing in memory leads back to a key.
//! 3. *Known*: the key ids verified lately. There is one secret for an id, so a digest that differs is a wrong key, and
//!    neither answer costs a hash.
//! 4. *Refused*: the digests refused lately. Who comes first with a new digest looks it up; whoever else comes with the
//!    same one meanwhile waits for that answer.
//! 5. The store, then the [`Hasher`], for a key whose record is valid.
//!
//! Whether a key has expired is asked every time. A key that is revoked is [forgotten](Verifier::forget) at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::{Busy, Hasher};
use crate::config::AuthConfig;
use crate::domain::{Clock, Key, KeyId, KeyOwner, PlainKey, Tenant, TenantState, Timestamp};
use crate::lifecycle::Tasks;
use crate::store::{Store, StoreError};

/// Keys that are remembered, and refusals.
const CAPACITY: u64 = 100_000;

/// How long a refusal is remembered.
const REFUSED_TTL: Duration = Duration::from_mins(1);

/// The longest a verified key is believed, whatever the settings say.
const MAX_KNOWN_TTL: Duration = Duration::from_hours(24);

/// What verifies keys.
#[derive(Debug)]
pub struct Verifier {
    store: Store,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    /// What digests are keyed with.
    boot_key: BootKey,
    known: moka::sync::Cache<KeyId, Arc<Known>>,
    refused: moka::future::Cache<blake3::Hash, ()>,
    /// How many keys were forgotten: a look-up that this number overtook read a record that may have changed since.
    forgotten: Mutex<u64>,
}

/// Whom a key lets in.
#[derive(Debug)]
pub struct Verified {
    /// The key's public part.
    pub key_id: KeyId,
    /// Whom it speaks for.
    pub owner: Owner,
}

/// Whom a verified key speaks for.
#[derive(Clone, Debug)]
pub enum Owner {
    /// One tenant, as it was when the key was looked up.
    Tenant(Arc<Tenant>),
    /// The operators of the installation.
    Operator,
}

/// Why a key lets nobody in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError {
    /// It opens nothing: never did, or no longer does. Callers are not told which.
    #[error("the key opens nothing")]
    Refused,
    /// It would have to be hashed, and there are too many to hash.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// It could not be looked up.
    #[error("the key could not be looked up")]
    Store(#[source] Arc<StoreError>),
}

struct BootKey([u8; blake3::KEY_LEN]);

/// A key that was verified.
#[derive(Debug)]
struct Known {
    digest: blake3::Hash,
    record: Key,
    verified: Arc<Verified>,
}

/// How a look-up ends that is not to be remembered as a refusal.
#[derive(Debug)]
enum LookedUp {
    Known(Arc<Known>),
    Failed(VerifyError),
}

impl Verifier {
    /// A verifier that knows no key yet. Its hasher is one of `tasks`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, config: &AuthConfig, tasks: &Tasks) -> Self {
        let known_ttl = Duration::from_millis(config.cache_ttl_ms).min(MAX_KNOWN_TTL);
        Self {
            store,
            clock,
            hasher: Hasher::start(tasks),
            boot_key: BootKey::generate(),
            known: moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_live(known_ttl).build(),
            refused: moka::future::Cache::builder().max_capacity(CAPACITY).time_to_live(REFUSED_TTL).build(),
            forgotten: Mutex::default(),
        }
    }

    /// What hashes new keys.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Answers whom `key` speaks for.
    ///
    /// # Errors
    /// When it opens nothing, or that cannot be found out now.
    pub async fn verify(&self, key: &PlainKey) -> Result<Arc<Verified>, VerifyError> {
        let id = key.id();
        let digest = blake3::keyed_hash(&self.boot_key.0, key.expose().as_bytes());
        if let Some(known) = self.known.get(&id) {
            return known.admit(&digest, self.clock.now());
        }
        match self.refused.try_get_with(digest, self.look_up(key, &id, digest)).await {
            Ok(()) => Err(VerifyError::Refused),
            Err(looked_up) => match &*looked_up {
                LookedUp::Known(known) => known.admit(&digest, self.clock.now()),
                LookedUp::Failed(error) => Err(error.clone()),
            },
        }
    }

    /// Forgets what was verified of a key, to be called after its record or its tenant's was changed: the next request
    /// with it reads the records anew. What another process changed is seen when the settings' time to believe is over.
    pub fn forget(&self, id: &KeyId) {
        let mut forgotten = self.forgotten();
        *forgotten += 1;
        self.known.invalidate(id);
    }

    /// Looks a key up. `Ok` is a refusal, because that is what the cache of refusals keeps of this.
    async fn look_up(&self, key: &PlainKey, id: &KeyId, digest: blake3::Hash) -> Result<(), LookedUp> {
        loop {
            let begun_at = *self.forgotten();
            let Some((record, owner)) = self.read(key, id).await.map_err(LookedUp::Failed)? else { return Ok(()) };
            let verified = Arc::new(Verified { key_id: id.clone(), owner });
            let known = Arc::new(Known { digest, record, verified });
            let forgotten = self.forgotten();
            if *forgotten == begun_at {
                self.known.insert(id.clone(), Arc::clone(&known));
                return Err(LookedUp::Known(known));
            }
        }
    }

    async fn read(&self, key: &PlainKey, id: &KeyId) -> Result<Option<(Key, Owner)>, VerifyError> {
        let record = self.store.keys().find(id).await?;
        let Some(record) = record.filter(|record| record.is_valid_at(self.clock.now())) else { return Ok(None) };
        if !self.hasher.verify(key.clone(), record.hash.clone()).await? {
            return Ok(None);
        }
        let owner = match record.owner {
            KeyOwner::Operator => Some(Owner::Operator),
            KeyOwner::Tenant(tenant) => {
                let found = self.store.tenants().find(tenant).await?;
                found.filter(|tenant| tenant.state != TenantState::Archived).map(Arc::new).map(Owner::Tenant)
            }
        };
        Ok(owner.map(|owner| (record, owner)))
    }

    fn forgotten(&self) -> MutexGuard<'_, u64> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn admit(&self, digest: &blake3::Hash, now: Timestamp) -> Result<Arc<Verified>, VerifyError> {
        let same = bool::from(self.digest.as_bytes().ct_eq(digest.as_bytes()));
        if same && self.record.is_valid_at(now) { Ok(Arc::clone(&self.verified)) } else { Err(VerifyError::Refused) }
    }
}

impl BootKey {
    fn generate() -> Self {
        let mut key = [0; blake3::KEY_LEN];
        getrandom::fill(&mut key).expect("the kernel has randomness");
        Self(key)
    }
}

impl std::fmt::Debug for BootKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}
