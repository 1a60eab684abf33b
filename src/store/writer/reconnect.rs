//! The connection that writes, replaced when it breaks.

use std::time::Duration;

use sqlx::{AnyConnection, Connection};
use tokio::time::Instant;

use super::unit::Failure;
use crate::store::sqlite::SqliteFile;

/// How long nothing is tried after the file could not be opened. Doubled each time.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A connection, or what is needed to open one.
#[derive(Debug)]
pub(super) struct Reconnect {
    file: SqliteFile,
    connection: Option<AnyConnection>,
    /// Why there is none, and until when that is taken for granted.
    failed: Option<(Failure, Instant)>,
    pause: Duration,
}

impl Reconnect {
    /// Begins with an open connection.
    pub(super) fn new(file: SqliteFile, connection: AnyConnection) -> Self {
        Self { file, connection: Some(connection), failed: None, pause: MIN_PAUSE }
    }

    /// Whether the connection is open.
    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// The connection. Opens one if there is none.
    pub(super) async fn get(&mut self) -> Result<&mut AnyConnection, Failure> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn open(&mut self) -> Result<AnyConnection, Failure> {
        if let Some((failure, until)) = &self.failed
            && Instant::now() < *until
        {
            return Err(failure.clone());
        }
        match self.file.open().await {
            Ok(connection) => {
                (self.failed, self.pause) = (None, MIN_PAUSE);
                Ok(connection)
            }
            Err(error) => {
                let failure = Failure::of(error);
                self.failed = Some((failure.clone(), Instant::now() + self.pause));
                self.pause = (self.pause * 2).min(MAX_PAUSE);
                Err(failure)
            }
        }
    }

    /// Closes the connection. What it had not committed is rolled back.
    pub(super) async fn close(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the connection that writes was closed with an error");
        }
    }
}
