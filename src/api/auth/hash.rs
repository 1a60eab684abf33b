//! argon2id, the form keys are stored in, computed one hash at a time.
//!
//! A hash takes about 15 ms of a processor and 19 MiB. Computed wherever a request happens to need one, a few callers
//! with wrong keys would take every processor and gigabytes. So there is one worker with one buffer, a short queue,
//! and an honest [`Busy`] for whoever would wait too long. The worker is a task, so that shutdown waits for it and a
//! crash of it ends the process; each hash runs on a blocking thread, so that no request stands still meanwhile.

use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::PlainKey;
use crate::lifecycle::Tasks;
use crate::metrics::catalogue::{AUTH_SHED, AUTH_VERIFICATION};

/// Hashes that may wait.
const QUEUE: usize = 32;

/// How long a hash may wait before it is begun.
const MAX_WAIT: Duration = Duration::from_millis(250);

/// There are more keys to hash than the server is willing to; the caller may try again in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many keys are being checked; try again in a moment")]
pub struct Busy;

/// Where hashes are asked for. Cheap to clone; all clones ask the same worker.
#[derive(Clone, Debug)]
pub struct Hasher {
    queue: mpsc::Sender<Job>,
    max_wait: Duration,
}

/// Work for the worker: it answers its caller by itself, or drops the answer when it came to its turn too late.
type Job = Box<dyn FnOnce(&mut Argon2id) + Send>;

/// argon2id with the buffer it computes in.
#[derive(Default)]
struct Argon2id(Vec<Block>);

impl Hasher {
    /// Starts the worker. It ends when the process is asked to, after what is in its queue.
    pub fn start(tasks: &Tasks) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tasks.spawn("key hasher", work(jobs, tasks.draining().clone()));
        Self { queue, max_wait: MAX_WAIT }
    }

    /// Hashes a new key into the text to be stored, in the PHC string format.
    ///
    /// # Errors
    /// When too many hashes are wanted.
    pub async fn hash(&self, key: PlainKey) -> Result<String, Busy> {
        self.run(move |argon2id| argon2id.hash(&key)).await
    }

    /// Whether `stored` is the hash of `key`. A text that is no hash is the hash of nothing.
    ///
    /// # Errors
    /// When too many hashes are wanted.
    pub async fn verify(&self, key: PlainKey, stored: String) -> Result<bool, Busy> {
        let began = Instant::now();
        let verified = self.run(move |argon2id| argon2id.verify(&key, &stored).unwrap_or(false)).await;
        if verified.is_err() {
            AUTH_SHED.one([]);
        }
        AUTH_VERIFICATION.took([], began.elapsed());
        verified
    }

    async fn run<T, F>(&self, compute: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&mut Argon2id) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (asked_at, max_wait) = (Instant::now(), self.max_wait);
        let job = move |argon2id: &mut Argon2id| {
            if !answer.is_closed() && asked_at.elapsed() <= max_wait {
                // The caller may have left while the hash was computed.
                let _ = answer.send(compute(argon2id));
            }
        };
        self.queue.try_send(Box::new(job)).map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

async fn work(mut jobs: mpsc::Receiver<Job>, draining: CancellationToken) {
    let mut argon2id = Argon2id::default();
    while let Some(Some(job)) = draining.run_until_cancelled(jobs.recv()).await {
        argon2id = perform(job, argon2id).await;
    }
    jobs.close();
    while let Some(job) = jobs.recv().await {
        argon2id = perform(job, argon2id).await;
    }
}

async fn perform(job: Job, mut argon2id: Argon2id) -> Argon2id {
    let performed = tokio::task::spawn_blocking(move || {
        job(&mut argon2id);
        argon2id
    });
    performed.await.expect("a hash never panics")
}

impl Argon2id {
    /// The parameters are OWASP's: 19 MiB, two passes, one lane.
    fn hash(&mut self, key: &PlainKey) -> String {
        let (params, mut salt) = (Params::DEFAULT, [0; Salt::RECOMMENDED_LENGTH]);
        getrandom::fill(&mut salt).expect("the kernel has randomness");
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).expect("the default parameters fit"),
            salt: Some(Salt::new(&salt).expect("a salt of the recommended length is one")),
            hash: None,
        };
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let output = self.compute(&argon2, key, &salt, Params::DEFAULT_OUTPUT_LEN);
        PasswordHash { hash: Some(output.expect("the default parameters are valid")), ..hash }.to_string()
    }

    /// Computes `stored` anew, with the parameters it names, so that they can be changed for new keys alone. `None`
    /// when it is not a hash.
    fn verify(&mut self, key: &PlainKey, stored: &str) -> Option<bool> {
        let stored = PasswordHash::new(stored).ok()?;
        let (salt, expected) = (stored.salt?, stored.hash?);
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
        let version = Version::try_from(stored.version?).ok()?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(&stored).ok()?);
        // `Output` compares in constant time.
        Some(self.compute(&argon2, key, &salt, expected.len()).ok()? == expected)
    }

    fn compute(
        &mut self,
        argon2: &Argon2<'_>,
        key: &PlainKey,
        salt: &[u8],
        length: usize,
    ) -> Result<Output, argon2::Error> {
        self.0.resize(argon2.params().block_count(), Block::default());
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..length).ok_or(argon2::Error::OutputTooLong)?;
        argon2.hash_password_into_with_memory(key.expose().as_bytes(), salt, output, &mut self.0)?;
        Output::new(output).map_err(|_| argon2::Error::OutputTooShort)
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::KeyOwner;

    fn key() -> PlainKey {
        PlainKey::generate(KeyOwner::Operator)
    }

    #[tokio::test]
    async fn a_hash_fits_its_key_and_no_other() {
        let hasher = Hasher::start(&Tasks::new());
        let key = key();
        let hash = hasher.hash(key.clone()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(Argon2::default().verify_password(key.expose().as_bytes(), hash.as_str()).is_ok());
        assert_eq!(hasher.verify(key, hash.clone()).await, Ok(true));
        assert_eq!(hasher.verify(self::key(), hash).await, Ok(false));
    }

    #[tokio::test]
    async fn a_text_that_is_no_hash_fits_no_key() {
        let hasher = Hasher::start(&Tasks::new());
        for stored in ["", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$AAAAAAAAAAA$AAAA", "$2b$12$x"] {
            assert_eq!(hasher.verify(key(), stored.to_owned()).await, Ok(false), "{stored}");
        }
    }

    /// Asks for work that holds the worker until the answer's second half is dropped.
    async fn hold(hasher: Hasher) -> (impl Future<Output = Result<(), Busy>>, std::sync::mpsc::Sender<()>) {
        let (at_work, mut begun) = mpsc::channel(1);
        let (release, held) = std::sync::mpsc::channel();
        let mut holding = Box::pin(async move {
            let work = move |_: &mut Argon2id| {
                at_work.try_send(()).unwrap();
                held.recv().unwrap_err();
            };
            hasher.run(work).await
        });
        assert!((&mut holding).now_or_never().is_none());
        begun.recv().await.unwrap();
        (holding, release)
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_sent_away_and_who_waits_is_served() {
        let hasher = Hasher::start(&Tasks::new());
        let (holding, release) = hold(hasher.clone()).await;
        let mut waiting: Vec<_> = (0..QUEUE).map(|_| Box::pin(hasher.run(|_| ()))).collect();
        for waits in &mut waiting {
            assert!(waits.now_or_never().is_none());
        }
        assert_eq!(hasher.run(|_| ()).await, Err(Busy));
        drop(release);
        assert!(holding.await.is_ok());
        for waits in waiting {
            assert!(waits.await.is_ok());
        }
    }

    #[tokio::test]
    async fn who_waited_too_long_is_sent_away_without_a_hash() {
        let hasher = Hasher { max_wait: Duration::ZERO, ..Hasher::start(&Tasks::new()) };
        let (holding, release) = hold(Hasher { max_wait: MAX_WAIT, ..hasher.clone() }).await;
        let mut late = Box::pin(hasher.run(|_| panic!("this was to be dropped")));
        assert!((&mut late).now_or_never().is_none());
        drop(release);
        assert!(holding.await.is_ok());
        assert_eq!(late.await, Err::<(), _>(Busy));
    }

    #[tokio::test]
    async fn what_was_asked_before_the_end_is_answered_and_nothing_after() {
        let tasks = Tasks::new();
        let hasher = Hasher::start(&tasks);
        let asked = hasher.hash(key());
        let (asked, ()) = tokio::join!(asked, tasks.stop());
        assert!(asked.is_ok());
        assert_eq!(hasher.hash(key()).await, Err(Busy));
    }
}
