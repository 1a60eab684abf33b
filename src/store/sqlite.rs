//! The SQLite file: how connections to it are opened and set up.

use std::path::Path;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

/// Connections that read concurrently.
const READERS: u32 = 8;

/// Set on every connection. The timeout comes first, because the statements after it may need the lock.
const EVERY_CONNECTION: [&str; 2] = ["pragma busy_timeout = 5000", "pragma foreign_keys = on"];

/// Set on the connection that writes: what was committed survives a loss of power. Savepoints are journaled in memory, so
/// that a full directory for temporary files fails no write. A log that a burst made large is cut again. Up to 16 MiB of
/// pages stay in memory, so that a long history makes no write slower. What is deleted is overwritten. None of them writes to
/// a file that is there: a connection can be opened while the disk is full.
const WRITER: [&str; 6] = [
    "pragma secure_delete = on",
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma temp_store = memory",
    "pragma journal_size_limit = 67108864",
    "pragma cache_size = -16384",
];

/// Set on the connection that makes the file, before anything else: the space of what is deleted can be given back.
const NEW_FILE: &str = "pragma auto_vacuum = incremental";

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
        let mut connection = AnyConnection::connect_with(&self.create).await?;
        let pages: i64 = sqlx::query_scalar("pragma page_count").fetch_one(&mut connection).await?;
        if pages == 0 {
            connection.execute(NEW_FILE).await?;
        }
        set_up_writer(connection).await
    }

    /// A connection that writes to the file that was created before.
    pub(super) async fn open(&self) -> sqlx::Result<AnyConnection> {
        set_up_writer(AnyConnection::connect_with(&self.open).await?).await
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

async fn set_up_writer(mut connection: AnyConnection) -> sqlx::Result<AnyConnection> {
    for statement in EVERY_CONNECTION.into_iter().chain(WRITER) {
        connection.execute(statement).await?;
    }
    Ok(connection)
}
