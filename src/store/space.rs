//! The space the database takes: given back after deletions, in small units, and the log with it, so that neither holds what
//! was deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor};
use tokio::time::sleep;

use super::sqlite::SqliteFile;
use super::{Store, StoreError, codec};

/// Free pages that one unit gives back.
const GIVE_BACK: &str = "pragma incremental_vacuum(64)";

/// How often the log is tried to be cut when somebody reads or writes in that moment, and the pause between.
const CUTS: u32 = 50;
const CUT_EVERY: Duration = Duration::from_millis(100);

/// Set on the connection that cuts the log: it holds up a write no longer than this.
const CUTTING: &str = "pragma busy_timeout = 20";

/// Whether anything was deleted since the space was given back, and where the file is. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(super) struct Space {
    file: SqliteFile,
    deleted: Arc<AtomicBool>,
}

/// What became of giving space back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenBack {
    /// Bytes of the database before.
    pub before: u64,
    /// Bytes of the database after.
    pub after: u64,
    /// Whether the log was cut: until then it may hold what was deleted.
    pub log_is_cut: bool,
}

impl Space {
    pub(super) fn new(file: SqliteFile) -> Self {
        Self { file, deleted: Arc::default() }
    }

    /// Notes that something was deleted.
    pub(super) fn note_deletion(&self) {
        self.deleted.store(true, Ordering::Relaxed);
    }
}

impl Store {
    /// Bytes of the database, without its log.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn database_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.pragma("page_count").await? * self.pragma("page_size").await?)
    }

    /// Gives the space of what was deleted back to the filesystem, and cuts the log. Other writes go on meanwhile.
    ///
    /// # Errors
    /// When the store fails; what was given back until then stays given back.
    pub async fn give_back_space(&self) -> Result<GivenBack, StoreError> {
        let before = self.database_bytes().await?;
        let mut free = self.pragma("freelist_count").await?;
        while free > 0 {
            let give = self.write(|transaction| {
                Box::pin(async move {
                    sqlx::query(GIVE_BACK).fetch_all(&mut **transaction).await?;
                    Ok(())
                })
            });
            give.await?;
            let remaining = self.pragma("freelist_count").await?;
            // A database that was made before this was possible keeps its pages until the next start.
            if remaining >= free {
                break;
            }
            free = remaining;
        }
        let log_is_cut = self.cut_log().await?;
        Ok(GivenBack { before, after: self.database_bytes().await?, log_is_cut })
    }

    /// [Gives space back](Self::give_back_space) if anything was deleted since the last time.
    ///
    /// # Errors
    /// When the store fails; it is tried again the next time.
    pub async fn give_back_if_deleted(&self) -> Result<(), StoreError> {
        if self.space.deleted.swap(false, Ordering::Relaxed) {
            let given = self.give_back_space().await;
            if !given.as_ref().is_ok_and(|given| given.log_is_cut) {
                self.space.note_deletion();
            }
            given?;
        }
        Ok(())
    }

    /// Makes it possible to give space back in a database that was made before that was so: it is written anew, once, which
    /// takes as much free disk again. To be called while nobody else uses it. Returns whether that was done.
    ///
    /// # Errors
    /// When it cannot be written anew, for want of disk for instance; it stays as it is then.
    pub async fn write_anew_if_old(&self) -> Result<bool, StoreError> {
        const INCREMENTAL: u64 = 2;
        // A connection that was open before does not see it until its next transaction.
        let mut connection = self.space.file.open().await?;
        let row = sqlx::query("pragma auto_vacuum").fetch_one(&mut connection).await?;
        if codec::count(&row, "auto_vacuum")? == INCREMENTAL {
            connection.close().await?;
            return Ok(false);
        }
        for statement in ["pragma temp_store = file", "pragma auto_vacuum = incremental", "vacuum"] {
            connection.execute(statement).await?;
        }
        cut(&mut connection).await?;
        connection.close().await?;
        Ok(true)
    }

    /// Writes the log into the database and cuts it to nothing. Returns whether it could: whoever reads an older state of the
    /// database, or writes just then, is not waited for.
    async fn cut_log(&self) -> Result<bool, StoreError> {
        let mut connection = self.space.file.open().await?;
        connection.execute(CUTTING).await?;
        let mut is_cut = cut(&mut connection).await?;
        for _ in 1..CUTS {
            if is_cut {
                break;
            }
            sleep(CUT_EVERY).await;
            is_cut = cut(&mut connection).await?;
        }
        connection.close().await?;
        Ok(is_cut)
    }

    async fn pragma(&self, name: &'static str) -> Result<u64, StoreError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("pragma {name}"))).fetch_one(&self.read).await?;
        codec::count(&row, name)
    }
}

/// Tries to cut the log.
async fn cut(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let row = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(connection).await?;
    Ok(codec::number(&row, "busy")? == 0)
}
