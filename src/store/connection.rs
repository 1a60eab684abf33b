//! The open database: its connections, and the way to each kind of fact.

use std::path::Path;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Executor, Transaction};

use super::lists::ListCache;
use super::{
    Audit, Budgets, ChangesStore, Egress, Events, Keys, Ledger, ReadCache, Sessions, StoreError, Tenants, Transcripts,
    Turns, codec,
};
use crate::domain::{SessionId, TenantId};

/// Connections that read at the same time.
const READERS: u32 = 8;

/// The open store.
#[derive(Clone, Debug)]
pub struct Store {
    /// The one connection that writes.
    pub(super) write: AnyPool,
    /// Those that read.
    pub(super) read: AnyPool,
    /// What was read, and did not change since.
    pub(super) cache: ReadCache,
    /// The lists that were read.
    pub(super) lists: ListCache,
}

impl Store {
    /// Opens the SQLite database in the file at `path`, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or written, or was made by a newer innkeeper.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let options: AnyConnectOptions = url.parse().map_err(open)?;
        let write = pool(1).connect_with(options.clone()).await.map_err(open)?;
        sqlx::migrate!().run(&write).await.map_err(StoreError::Migrate)?;
        let read = pool(READERS).connect_with(options).await.map_err(open)?;
        Ok(Self { write, read, cache: ReadCache::new(), lists: ListCache::new() })
    }

    /// The installation's name, made when it is first asked for.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn installation(&self) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query("select id from installation").fetch_optional(&mut *transaction).await?;
        if let Some(row) = row {
            return codec::text(&row, "id");
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        sqlx::query("insert into installation (id) values ($1)").bind(&id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Begins a transaction that writes. It takes the database's lock at once, so that what it reads cannot have changed
    /// when it writes, not even by a command beside the server.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.write.begin_with("begin immediate").await?)
    }

    /// To be called after every write to a session, so that nobody reads what it was.
    pub(super) fn changed(&self, tenant: TenantId, session: SessionId) {
        self.cache.mark(session);
        self.lists.mark(tenant, session);
    }

    /// What sandboxes asked to reach.
    pub fn egress(&self) -> Egress<'_> {
        Egress(self)
    }

    /// The tenants.
    pub fn tenants(&self) -> Tenants<'_> {
        Tenants(self)
    }

    /// The keys.
    pub fn keys(&self) -> Keys<'_> {
        Keys(self)
    }

    /// The sessions.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// The turns.
    pub fn turns(&self) -> Turns<'_> {
        Turns(self)
    }

    /// The events.
    pub fn events(&self) -> Events<'_> {
        Events(self)
    }

    /// What sessions changed in their workspaces.
    pub fn changes(&self) -> ChangesStore<'_> {
        ChangesStore(self)
    }

    /// The agents' transcripts.
    pub fn transcripts(&self) -> Transcripts<'_> {
        Transcripts(self)
    }

    /// The budgets.
    pub fn budgets(&self) -> Budgets<'_> {
        Budgets(self)
    }

    /// The audit.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    /// The ledger.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger(self)
    }

    /// Closes every connection, after what is being written was written.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// A pool of `connections`, each set up so that what was committed survives a loss of power.
fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(connections).after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute("pragma journal_mode = wal").await?;
            connection.execute("pragma synchronous = full").await?;
            connection.execute("pragma foreign_keys = on").await?;
            connection.execute("pragma busy_timeout = 5000").await?;
            Ok(())
        })
    })
}
