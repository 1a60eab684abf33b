//! PID 1's duty: whoever ends in the sandbox is waited for, because nobody else would.

use std::convert::Infallible;
use std::io;

use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::desk::Desk;

/// Hears of children that ended.
pub(crate) struct Reaper {
    children: Signal,
}

impl Reaper {
    /// Starts to listen: before the first child, so that none is missed.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { children: signal(SignalKind::child())? })
    }

    /// Reaps whoever ends, and tells the desk.
    pub(crate) async fn reap(mut self, desk: &Desk) -> Infallible {
        loop {
            self.children.recv().await;
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                desk.reaped(pid, status);
            }
        }
    }
}
