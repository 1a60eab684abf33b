//! The SQLite file: how connections to it are opened and set up.

use std::path::Path;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

/// Connections that read concurrently.
const READERS: u32 = 8;

/// Set on every connection. The timeout comes first, because the statements after it may need the lock.
const EVERY_CONNECTION: [&str; 2] = ["pragma busy_timeout = 5000", "pragma foreign_keys = on"];

/// Set on the connection that writes: what was committed survives a loss of power. Savepoints are journaled in memory, so
/// that a full directory for temporary files fails no write. A log that a burst made large is cut again. Up to 64 MiB of
/// pages stay in memory, so that a long history makes no write slower.
const WRITER: [&str; 5] = [
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma temp_store = memory",
    "pragma journal_size_limit = 67108864",
    "pragma cache_size = -65536",
];

/// Set on connections that read: a write that does not go through the writer fails.
const READER: [&str; 1] = ["pragma query_only = on"];

/// A database file.
#[derive(Clone, Debug)]
pub(super) struct SqliteFile {
    create: AnyConnectOptions,
    open: AnyConnectOptions,
}

impl SqliteFile {
    /// The file at `path`.
    pub(super) fn new(path: &Path) -> sqlx::Result<Self> {
        sqlx::any::install_default_drivers();
        let options = |mode| format!("sqlite://{}?mode={mode}", path.display()).parse();
        Ok(Self { create: options("rwc")?, open: options("rw")? })
    }

    /// A connection that writes. Creates the file if it is missing.
    pub(super) async fn create(&self) -> sqlx::Result<AnyConnection> {
        connect_writer(&self.create).await
    }

    /// A connection that writes to the file that was created before.
    pub(super) async fn open(&self) -> sqlx::Result<AnyConnection> {
        connect_writer(&self.open).await
    }

    /// The connections that read.
    pub(super) async fn readers(&self) -> sqlx::Result<AnyPool> {
        self.pool(READERS).await
    }

    /// So many connections that read.
    pub(super) async fn pool(&self, connections: u32) -> sqlx::Result<AnyPool> {
        let options = AnyPoolOptions::new().max_connections(connections).after_connect(|connection, _| {
            Box::pin(async move {
                for statement in EVERY_CONNECTION.into_iter().chain(READER) {
                    connection.execute(statement).await?;
                }
                Ok(())
            })
        });
        options.connect_with(self.open.clone()).await
    }
}

async fn connect_writer(options: &AnyConnectOptions) -> sqlx::Result<AnyConnection> {
    let mut connection = AnyConnection::connect_with(options).await?;
    for statement in EVERY_CONNECTION.into_iter().chain(WRITER) {
        connection.execute(statement).await?;
    }
    Ok(connection)
}
