//! How long an engine may take to answer, by the kind of call.

use std::time::Duration;

/// How long each kind of call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// What it is, which image it has, how a sandbox ended.
    pub inspect: Duration,
    /// Lists of sandboxes and volumes.
    pub list: Duration,
    /// Creating a sandbox.
    pub create: Duration,
    /// Starting one.
    pub start: Duration,
    /// Killing one.
    pub kill: Duration,
    /// Removing one.
    pub remove: Duration,
}

/// A call was given up.
#[derive(Debug, thiserror::Error)]
#[error("the engine did not answer within {} ms", .0.as_millis())]
pub struct NoAnswer(pub Duration);

impl TimeLimits {
    /// The same limit for every call.
    pub const fn all(limit: Duration) -> Self {
        Self { inspect: limit, list: limit, create: limit, start: limit, kill: limit, remove: limit }
    }

    /// The longest of them.
    pub fn longest(&self) -> Duration {
        let Self { inspect, list, create, start, kill, remove } = *self;
        [list, create, start, kill, remove].into_iter().fold(inspect, Duration::max)
    }
}
