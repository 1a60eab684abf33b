//! Running probes, in order, so many at a time.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use rustix::process::geteuid;
use tokio::time::Instant;

use super::DrillError;
use super::bench::Bench;
use super::outcome::Outcome;
use super::probe::{Attempt, Probe};
use super::report::{Finding, Report};
use crate::config::Config;
use crate::domain::Clock;
use crate::lifecycle::Tasks;
use crate::spawner::Spawner;

/// Everything a drill needs.
#[derive(Debug)]
pub struct Drill {
    bench: Bench,
    clock: Arc<dyn Clock>,
    engine: String,
    image: String,
    parallel: usize,
}

impl Drill {
    /// Prepares a drill on sandboxes as `config` orders them.
    ///
    /// # Errors
    /// When the engine or its image cannot be used, or there is no place for it.
    pub async fn new(
        spawner: Arc<dyn Spawner>,
        config: &Config,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
    ) -> Result<Self, DrillError> {
        let (image, engine) = (spawner.find_image(None).await?, spawner.describe().await?);
        let parallel = config.drill.parallel.max(1);
        let bench = Bench::new(spawner, config, tasks)?;
        Ok(Self { bench, clock, engine, image, parallel })
    }

    /// Runs `probes`, and tells of each as it ends, in their order.
    pub async fn run(&self, probes: &[&'static Probe], mut tell: impl FnMut(&Finding)) -> Report {
        let (at, began) = (self.clock.now(), Instant::now());
        let attempts: Vec<_> = probes.iter().map(|&probe| self.attempt(probe)).collect();
        let mut findings = stream::iter(attempts).buffered(self.parallel);
        let mut found = Vec::new();
        while let Some(finding) = findings.next().await {
            tell(&finding);
            found.push(finding);
        }
        let held = found.iter().filter(|finding| finding.outcome.held()).count();
        Report {
            at,
            innkeeper: env!("CARGO_PKG_VERSION"),
            engine: self.engine.clone(),
            image: self.image.clone(),
            as_root: geteuid().is_root(),
            duration_ms: millis_since(began),
            held,
            not_held: found.len() - held,
            probes: found,
        }
    }

    /// Whether it was cut short.
    pub fn is_stopped(&self) -> bool {
        self.bench.is_stopping()
    }

    async fn attempt(&self, probe: &'static Probe) -> Finding {
        let began = Instant::now();
        let outcome = match probe.attempt {
            _ if self.bench.is_stopping() => Outcome::Unclear("the drill was stopped".to_owned()),
            Attempt::Inside(size, script) => self.bench.run(size, script).await,
            Attempt::Around(attack) => attack(&self.bench).await,
        };
        Finding::new(probe, outcome, millis_since(began))
    }
}

fn millis_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
