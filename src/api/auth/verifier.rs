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
//! 5. The store, for a key whose record is valid.
//! 6. *Proven*: the digest that fitted a record's hash before. It fits as long as the record has that hash, so a key is hashed
//!    once in the life of the server, and a wrong key with the id of a right one is known to be wrong.
//! 7. The [`Hasher`].
//!
//! Whether a key has expired is asked every time. What operators change is read from the audit
//! ([`Verifier::catch_up`]), after each call of the admin API and every second, and what was verified of it forgotten:
//! so it does not matter who changed it, this server or a command beside it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::{Busy, Hasher};
use crate::config::AuthConfig;
use crate::domain::{Clock, Key, KeyId, KeyOwner, KeyScopes, PlainKey, Tenant, TenantId, TenantState, Timestamp};
use crate::lifecycle::Tasks;
use crate::store::{Store, StoreError};
use crate::telemetry::Trouble;

/// Keys that are remembered, and refusals.
const CAPACITY: u64 = 100_000;

/// How long a refusal is remembered.
const REFUSED_TTL: Duration = Duration::from_mins(1);

/// Uses of a key that are closer together than this are one.
const USE_MS: i64 = 60_000;

/// The longest a verified key is believed, whatever the settings say.
const MAX_KNOWN_TTL: Duration = Duration::from_hours(24);

/// What verifies keys.
#[derive(Debug)]
pub struct Verifier {
    pub(super) store: Store,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    /// What digests are keyed with.
    boot_key: BootKey,
    pub(super) known: moka::sync::Cache<KeyId, Arc<Known>>,
    refused: moka::future::Cache<blake3::Hash, ()>,
    /// The digests that were proven by a hash.
    proven: moka::sync::Cache<KeyId, Arc<Proof>>,
    /// The ids of all keys, when they were last read; `None` when that failed.
    pub(super) ids: RwLock<Option<HashSet<KeyId>>>,
    /// How many keys were forgotten: a look-up that this number overtook read a record that may have changed since.
    forgotten: Mutex<u64>,
    /// The last entry of the audit that was read.
    pub(super) seen: tokio::sync::Mutex<i64>,
    /// Whether the audit cannot be read.
    pub(super) trouble: Trouble,
    /// When keys were used, since that was last written.
    pub(super) used: Mutex<HashMap<KeyId, Timestamp>>,
}

/// Whom a key lets in.
#[derive(Debug)]
pub struct Verified {
    /// The key's public part.
    pub key_id: KeyId,
    /// Whom it speaks for.
    pub owner: Owner,
    /// What it opens.
    pub scopes: KeyScopes,
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
    /// The keys of its issuer cannot be had now.
    #[error("the keys of the token's issuer cannot be had now; try again in a moment")]
    Unavailable,
    /// It could not be looked up.
    #[error("the key could not be looked up")]
    Store(#[source] Arc<StoreError>),
}

/// What verifying a key costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Whether it is right is known already.
    Nothing,
    /// It has the id of a key, so it would have to be hashed.
    Hash,
    /// It has the id of no key that is known of, so it would have to be looked up.
    LookUp,
}

/// A digest, and the stored hash it fits.
#[derive(Debug)]
struct Proof {
    digest: blake3::Hash,
    hash: String,
}

struct BootKey([u8; blake3::KEY_LEN]);

/// A key that was verified.
#[derive(Debug)]
pub(super) struct Known {
    digest: blake3::Hash,
    pub(super) record: Key,
    verified: Arc<Verified>,
    /// When a use of it was last noted, in microseconds.
    noted_at: AtomicI64,
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
            proven: moka::sync::Cache::builder().max_capacity(CAPACITY).build(),
            ids: RwLock::default(),
            forgotten: Mutex::default(),
            seen: tokio::sync::Mutex::default(),
            trouble: Trouble::default(),
            used: Mutex::default(),
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
        let (id, digest) = (key.id(), self.digest(key));
        if let Some(known) = self.known.get(&id) {
            return self.admit(&known, &digest);
        }
        match self.refused.try_get_with(digest, self.look_up(key, &id, digest)).await {
            Ok(()) => Err(VerifyError::Refused),
            Err(looked_up) => match &*looked_up {
                LookedUp::Known(known) => self.admit(known, &digest),
                LookedUp::Failed(error) => Err(error.clone()),
            },
        }
    }

    /// Whom `key` speaks for, if that is known without looking it up.
    pub fn known(&self, key: &PlainKey) -> Option<Arc<Verified>> {
        let known = self.known.get(&key.id())?;
        self.admit(&known, &self.digest(key)).ok()
    }

    /// What it would cost to verify `key` now.
    pub(super) fn cost(&self, key: &PlainKey) -> Cost {
        let id = key.id();
        if self.known.contains_key(&id) || self.proven.contains_key(&id) || self.refused.contains_key(&self.digest(key))
        {
            return Cost::Nothing;
        }
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        if ids.as_ref().is_none_or(|ids| ids.contains(&id)) { Cost::Hash } else { Cost::LookUp }
    }

    fn digest(&self, key: &PlainKey) -> blake3::Hash {
        blake3::keyed_hash(&self.boot_key.0, key.expose().as_bytes())
    }

    /// Whom the holder of the key `id` speaks for, who has proven that in another way than by sending it.
    ///
    /// # Errors
    /// When the key opens nothing any more, or that cannot be found out now.
    pub async fn holder(&self, id: &KeyId) -> Result<Verified, VerifyError> {
        let record = self.store.keys().find(id).await?.filter(|record| record.is_valid_at(self.clock.now()));
        let record = record.ok_or(VerifyError::Refused)?;
        let owner = self.owner(&record).await?.ok_or(VerifyError::Refused)?;
        self.note_use(id, self.clock.now());
        Ok(Verified { key_id: id.clone(), owner, scopes: record.scopes })
    }

    /// The tenant an issuer's token names, as it is now.
    ///
    /// # Errors
    /// When there is no such tenant, or that cannot be found out now.
    pub async fn tenant_named(&self, name: &str) -> Result<Owner, VerifyError> {
        Self::owner_of(self.store.tenants().find_by_name(name).await?)
    }

    /// The tenant of a token that an identity bought, as it is now.
    ///
    /// # Errors
    /// When there is no such tenant, or that cannot be found out now.
    pub async fn tenant(&self, id: TenantId) -> Result<Owner, VerifyError> {
        Self::owner_of(self.store.tenants().find(id).await?)
    }

    fn owner_of(tenant: Option<Tenant>) -> Result<Owner, VerifyError> {
        let tenant = tenant.filter(|tenant| tenant.state != TenantState::Archived).ok_or(VerifyError::Refused)?;
        Ok(Owner::Tenant(Arc::new(tenant)))
    }

    fn admit(&self, known: &Known, digest: &blake3::Hash) -> Result<Arc<Verified>, VerifyError> {
        let now = self.clock.now();
        let verified = known.admit(digest, now)?;
        if now.as_micros() - known.noted_at.load(Ordering::Relaxed) >= USE_MS * 1_000 {
            known.noted_at.store(now.as_micros(), Ordering::Relaxed);
            self.note_use(&known.record.id, now);
        }
        Ok(verified)
    }

    /// Looks a key up. `Ok` is a refusal, because that is what the cache of refusals keeps of this.
    async fn look_up(&self, key: &PlainKey, id: &KeyId, digest: blake3::Hash) -> Result<(), LookedUp> {
        loop {
            let begun_at = *self.forgotten();
            let Some((record, owner)) = self.read(key, id, digest).await.map_err(LookedUp::Failed)? else {
                return Ok(());
            };
            let verified = Arc::new(Verified { key_id: id.clone(), owner, scopes: record.scopes });
            let known = Arc::new(Known { digest, record, verified, noted_at: AtomicI64::new(0) });
            let forgotten = self.forgotten();
            if *forgotten == begun_at {
                self.known.insert(id.clone(), Arc::clone(&known));
                return Err(LookedUp::Known(known));
            }
        }
    }

    async fn read(
        &self,
        key: &PlainKey,
        id: &KeyId,
        digest: blake3::Hash,
    ) -> Result<Option<(Key, Owner)>, VerifyError> {
        let record = self.store.keys().find(id).await?;
        let Some(record) = record.filter(|record| record.is_valid_at(self.clock.now())) else { return Ok(None) };
        if !self.fits(key, digest, &record).await? {
            return Ok(None);
        }
        Ok(self.owner(&record).await?.map(|owner| (record, owner)))
    }

    /// Whether a key is the one whose hash is stored.
    async fn fits(&self, key: &PlainKey, digest: blake3::Hash, record: &Key) -> Result<bool, VerifyError> {
        if let Some(proof) = self.proven.get(&record.id).filter(|proof| proof.hash == record.hash) {
            return Ok(proof.digest.as_bytes().ct_eq(digest.as_bytes()).into());
        }
        let fits = self.hasher.verify(key.clone(), record.hash.clone()).await?;
        if fits {
            self.proven.insert(record.id.clone(), Arc::new(Proof { digest, hash: record.hash.clone() }));
        }
        Ok(fits)
    }

    async fn owner(&self, record: &Key) -> Result<Option<Owner>, VerifyError> {
        match record.owner {
            KeyOwner::Operator => Ok(Some(Owner::Operator)),
            KeyOwner::Tenant(tenant) => {
                let found = self.store.tenants().find(tenant).await?;
                Ok(found.filter(|tenant| tenant.state != TenantState::Archived).map(Arc::new).map(Owner::Tenant))
            }
        }
    }

    pub(super) fn forgotten(&self) -> MutexGuard<'_, u64> {
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
