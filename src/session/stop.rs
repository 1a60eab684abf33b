//! Stopping an agent: interrupt first, kill later. Each step is given a grace before the next, harsher one.

use std::time::Duration;

use innkeeper_shim::protocol::Signal;
use tokio::sync::mpsc;

use super::recorder::Progress;
use crate::agent;
use crate::config::SessionConfig;
use crate::sandbox::LinkHandle;

/// How an agent is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It has not begun to work: nothing is lost with it, and its sandbox is removed at once.
    Abandon,
    /// It has answered: let it put its things away.
    Rest,
    /// It is at work: ask it to report first, so that the conversation can be resumed.
    Interrupt,
}

/// Stops the agent, and returns when it has ended or every step was tried; the sandbox is removed after that anyway.
pub(super) async fn stop(
    link: &LinkHandle,
    progress: &mut mpsc::Receiver<Progress>,
    manner: Manner,
    config: &SessionConfig,
) {
    if manner == Manner::Abandon {
        return;
    }
    let signal_grace = Duration::from_millis(config.signal_grace_ms);
    if manner == Manner::Interrupt {
        link.input(agent::interrupt("stop"));
        let grace = Duration::from_millis(config.interrupt_grace_ms);
        if wait_for(progress, grace, |step| matches!(step, Progress::Result(_) | Progress::Rested)).await
            == Waited::Ended
        {
            return;
        }
    }
    link.close_input();
    for signal in [None, Some(Signal::Int), Some(Signal::Term), Some(Signal::Kill)] {
        if let Some(signal) = signal {
            link.signal(signal);
        }
        if wait_for(progress, signal_grace, |_| false).await == Waited::Ended {
            return;
        }
    }
    tracing::warn!("an agent outlived every signal; its sandbox is removed with it");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// What was waited for came.
    Came,
    /// The agent has ended.
    Ended,
    /// The grace is over.
    Late,
}

async fn wait_for(
    progress: &mut mpsc::Receiver<Progress>,
    grace: Duration,
    wanted: impl Fn(&Progress) -> bool,
) -> Waited {
    let wait = async {
        while let Some(step) = progress.recv().await {
            match step {
                Progress::Exited(_) | Progress::Fault(_) | Progress::StoreFailed => return Waited::Ended,
                step if wanted(&step) => return Waited::Came,
                _ => {}
            }
        }
        Waited::Ended
    };
    tokio::time::timeout(grace, wait).await.unwrap_or(Waited::Late)
}
