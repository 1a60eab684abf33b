//! Ctrl-C and SIGTERM while a turn is watched: the first cancels the turn, the second leaves.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::client::Client;
use crate::cli::output::{CommandResult, note};

/// The signals. Those that come before anybody waits are not lost.
pub(super) struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Watches a turn to its end. `session` has its session once that is known.
///
/// # Errors
/// Those of the watching, or when it was left.
pub(super) async fn until_stopped(
    watching: impl Future<Output = CommandResult>,
    client: &Client,
    session: watch::Receiver<Option<String>>,
    mut stops: Stops,
) -> CommandResult {
    let mut watching = std::pin::pin!(watching);
    tokio::select! {
        ended = &mut watching => return ended,
        () = stops.next() => {}
    }
    note("Cancelling the turn; once more leaves it as it is.")?;
    let mut cancelling = std::pin::pin!(cancel(client, session.clone()));
    let mut is_asked = false;
    loop {
        tokio::select! {
            ended = &mut watching => return ended,
            cancelled = &mut cancelling, if !is_asked => {
                is_asked = true;
                if let Err(error) = cancelled {
                    note(&format!("The turn could not be cancelled: {error}"))?;
                }
            }
            () = stops.next() => {
                let session = session.borrow().clone();
                return Err(match session {
                    Some(id) => format!("left while the turn may go on; `innkeeper cancel {id}` cancels it").into(),
                    None => "left before the session had begun".into(),
                });
            }
        }
    }
}

async fn cancel(client: &Client, mut session: watch::Receiver<Option<String>>) -> CommandResult {
    let id = session.wait_for(Option::is_some).await.map(|id| id.clone());
    match id {
        Ok(Some(id)) => client.cancel(&id).await,
        // Nothing began, and the watching says why.
        Ok(None) | Err(_) => Ok(()),
    }
}
