//! The task: takes units from the queue, runs them in groups, commits each group and answers its callers.

use sqlx::Connection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::queue::MAX_WAITING;
use super::reconnect::Reconnect;
use super::unit::{BoxedUnit, Failure, Ran};
use crate::store::Fault;

/// The most units in a transaction.
const MAX_UNITS: usize = 256;

/// Takes the lock at once, so that what a unit reads cannot have changed when it writes, not even by a command beside the
/// server.
const BEGIN: &str = "begin immediate";

/// The writer's task.
#[derive(Debug)]
pub(super) struct Task {
    units: mpsc::Receiver<BoxedUnit>,
    connection: Reconnect,
    closing: CancellationToken,
    /// The most units in the next transaction: one after a failure, then twice as many each time, so that a unit that
    /// fails its transaction fails few others.
    limit: usize,
    /// Whether the last transaction failed.
    is_failing: bool,
}

/// Why a transaction was not committed.
enum Aborted {
    /// It never began: no unit has run.
    NotBegun(Failure),
    /// It failed, and all that was in it is lost.
    Failed(Failure),
}

impl Task {
    pub(super) fn new(units: mpsc::Receiver<BoxedUnit>, connection: Reconnect, closing: CancellationToken) -> Self {
        Self { units, connection, closing, limit: MAX_UNITS, is_failing: false }
    }

    /// Runs until the writer is closed and the queue is empty, or every handle is gone.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.next().await {
            let mut group = vec![first];
            let was_open = self.connection.is_open();
            let mut outcome = self.transact(&mut group).await;
            if let Err(Aborted::NotBegun(failure)) = &outcome
                && was_open
                && failure.fault != Fault::Locked
            {
                // The connection broke while nothing was written: a new one may do.
                self.connection.close().await;
                outcome = self.transact(&mut group).await;
            }
            self.conclude(group, outcome).await;
        }
        self.connection.close().await;
    }

    async fn next(&mut self) -> Option<BoxedUnit> {
        tokio::select! {
            biased;
            () = self.closing.cancelled(), if !self.units.is_closed() => self.units.close(),
            unit = self.units.recv() => return unit,
        }
        self.units.recv().await
    }

    /// Runs the unit in `group`, and those that arrive meanwhile, in one transaction.
    async fn transact(&mut self, group: &mut Vec<BoxedUnit>) -> Result<(), Aborted> {
        let connection = self.connection.get().await.map_err(Aborted::NotBegun)?;
        let begun = connection.begin_with(BEGIN).await;
        let mut transaction = begun.map_err(|error| Aborted::NotBegun(Failure::of(error)))?;
        for unit in &mut *group {
            // Alone in the transaction, it needs no savepoint.
            if let Ran::Discard(fault) = unit.run(&mut transaction).await {
                return transaction.rollback().await.map_err(|error| failed(error, fault));
            }
        }
        while group.len() < self.limit {
            let Ok(mut unit) = self.units.try_recv() else { break };
            let savepoint = transaction.begin().await;
            let ended = match savepoint {
                Ok(mut savepoint) => match unit.run(&mut savepoint).await {
                    Ran::Keep => savepoint.commit().await.map_err(|error| failed(error, None)),
                    Ran::Discard(fault) => savepoint.rollback().await.map_err(|error| failed(error, fault)),
                },
                Err(error) => Err(failed(error, None)),
            };
            group.push(unit);
            ended?;
        }
        transaction.commit().await.map_err(|error| failed(error, None))
    }

    /// Answers the callers of a group, and makes ready for the next one.
    async fn conclude(&mut self, group: Vec<BoxedUnit>, outcome: Result<(), Aborted>) {
        let failure = match outcome {
            Ok(()) => {
                for unit in group {
                    unit.answer(Ok(()));
                }
                self.limit = (self.limit * 2).min(MAX_UNITS);
                if std::mem::take(&mut self.is_failing) {
                    info!("the store is written again");
                }
                return;
            }
            Err(Aborted::NotBegun(failure)) => {
                // Those that wait have waited as long: none of them is to wait for a second timeout.
                let waiting = std::iter::from_fn(|| self.units.try_recv().ok()).take(MAX_WAITING);
                for unit in group.into_iter().chain(waiting) {
                    unit.answer(Err(&failure));
                }
                failure
            }
            Err(Aborted::Failed(failure)) => {
                for unit in group {
                    unit.answer(Err(&failure));
                }
                failure
            }
        };
        if failure.fault != Fault::Locked {
            self.connection.close().await;
        }
        self.limit = 1;
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(fault = %failure.fault, error = %failure.source, "the store cannot be written; each write tries again");
        }
    }
}

/// A transaction that failed by `error`, perhaps because a unit in it had hit a `fault`, upon which the database rolls back
/// everything.
fn failed(error: sqlx::Error, fault: Option<Fault>) -> Aborted {
    let mut failure = Failure::of(error);
    failure.fault = fault.unwrap_or(failure.fault);
    Aborted::Failed(failure)
}
