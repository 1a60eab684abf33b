//! What a sandbox uses, as its shim last said: read at any time, without asking the sandbox or its engine.
//!
//! The numbers come out of a sandbox. Only its shim can send them, but nothing they say is let past what the sandbox may
//! use, so that one that went astray bends no graph of the installation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use innkeeper_shim::protocol::Resources;
use tokio::time::Instant;

use crate::spawner::Limits;

/// How much more processor time may be counted than the limit gives: the kernel settles up in slices.
const CPU_SLACK: Duration = Duration::from_secs(1);

/// The newest of what a sandbox's shim says it uses. Cheap to clone; all clones show the same.
#[derive(Clone, Debug)]
pub struct LatestResources(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    began: Instant,
    latest: Mutex<Option<Resources>>,
}

impl LatestResources {
    /// Nothing was said yet of a sandbox that may use up to `limits`.
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, began: Instant::now(), latest: Mutex::default() }))
    }

    /// What was said last, if anything was.
    pub fn get(&self) -> Option<Resources> {
        *self.0.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory the sandbox may use.
    pub fn memory_limit_bytes(&self) -> u64 {
        self.0.limits.memory_bytes.unsigned_abs()
    }

    /// Takes what was said, as far as it can be true.
    pub(super) fn note(&self, said: Resources) {
        let limits = &self.0.limits;
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = latest.and_then(|before| before.cpu_micros).unwrap_or(0);
        *latest = Some(Resources {
            memory_bytes: said.memory_bytes.map(|bytes| bytes.min(limits.memory_bytes.unsigned_abs())),
            // It is a counter: it never runs backwards.
            cpu_micros: said.cpu_micros.map(|micros| micros.min(self.most_cpu_micros()).max(before)),
            pids: said.pids.map(|pids| pids.min(limits.pids.unsigned_abs())),
        });
    }

    /// The processor time that can have passed in the sandbox.
    fn most_cpu_micros(&self) -> u64 {
        let limit = self.0.limits.nano_cpus.unsigned_abs();
        let most = self.0.began.elapsed().as_micros() * u128::from(limit) / 1_000_000_000 + CPU_SLACK.as_micros();
        u64::try_from(most).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        memory_bytes: 1 << 30,
        nano_cpus: 2_000_000_000,
        pids: 100,
        open_files: 1,
        scratch_bytes: 1,
        scratch_inodes: 1,
    };

    #[tokio::test(start_paused = true)]
    async fn what_is_said_is_shown_and_the_newest_counts() {
        let resources = LatestResources::new(LIMITS);
        let reader = resources.clone();
        assert_eq!(reader.get(), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        let said = Resources { memory_bytes: Some(1 << 20), cpu_micros: Some(12_000_000), pids: Some(5) };
        resources.note(said);
        assert_eq!(reader.get(), Some(said));
        let later = Resources { memory_bytes: None, cpu_micros: Some(12_000_001), pids: Some(4) };
        resources.note(later);
        assert_eq!(reader.get(), Some(later));
        assert_eq!(reader.memory_limit_bytes(), 1 << 30);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_more_than_the_sandbox_may_use() {
        let resources = LatestResources::new(LIMITS);
        tokio::time::advance(Duration::from_secs(10)).await;
        let most = Some(u64::MAX);
        resources.note(Resources { memory_bytes: most, cpu_micros: most, pids: most });
        let expected = Resources { memory_bytes: Some(1 << 30), cpu_micros: Some(21_000_000), pids: Some(100) };
        assert_eq!(resources.get(), Some(expected), "ten seconds of two cores, and a second of slack");
    }

    #[tokio::test(start_paused = true)]
    async fn processor_time_never_runs_backwards() {
        let resources = LatestResources::new(LIMITS);
        for (said, shown) in [(500_000, 500_000), (3, 500_000), (600_000, 600_000)] {
            resources.note(Resources { cpu_micros: Some(said), ..Resources::default() });
            assert_eq!(resources.get().unwrap().cpu_micros, Some(shown));
        }
    }
}
