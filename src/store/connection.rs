//! The open database: its connections, and the way to each kind of fact.

use std::path::Path;

use futures_util::future::BoxFuture;
use sqlx::{Any, AnyPool, Transaction};

use super::holds::HoldQueue;
use super::lists::ListCache;
use super::pieces::Readers;
use super::probe::Probe;
use super::reports::{self, ReportPlace, Reports};
use super::seal::Seal;
use super::space::Space;
use super::sqlite::SqliteFile;
use super::writer::Writer;
use super::{
    Audit, Budgets, ChangesStore, Egress, Events, Keys, Ledger, PendingSandboxes, ReadCache, Sessions, StoreError,
    Tenants, Transcripts, Turns, codec, unsealed,
};
use crate::domain::{SessionId, TenantId};

/// The open store.
#[derive(Clone, Debug)]
pub struct Store {
    /// The only way to write.
    pub(super) writer: Writer,
    /// The calls that hold money or end, on their way to the writer.
    pub(super) holds: HoldQueue,
    /// The connections that read.
    pub(super) read: AnyPool,
    /// Those that read what may be much of the ledger.
    pub(super) reports: AnyPool,
    /// Who may read that now.
    pub(super) reporting: Reports,
    /// What was read, and did not change since.
    pub(super) cache: ReadCache,
    /// The lists that were read.
    pub(super) lists: ListCache,
    /// Who reads a long answer.
    pub(super) readers: Readers,
    /// Whether the store could be written when it was last tried.
    pub(super) probe: Probe,
    /// What turns' variables are sealed with.
    pub(super) seal: Seal,
    /// What was deleted and takes space yet.
    pub(super) space: Space,
}

impl Store {
    /// Opens the SQLite database in the file at `path`, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or written, or was made by a newer innkeeper.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let file = SqliteFile::new(path).map_err(open)?;
        let mut connection = file.create().await.map_err(open)?;
        sqlx::migrate!().run(&mut connection).await.map_err(StoreError::Migrate)?;
        let (seal, space) = (Seal::open(path)?, Space::new(file.clone()));
        if unsealed::seal_all(&mut connection, &seal).await? {
            space.note_deletion();
        }
        let read = file.readers().await.map_err(open)?;
        let reports = file.pool(reports::RUNNING).await.map_err(open)?;
        let writer = Writer::start(file, connection);
        Ok(Self {
            holds: HoldQueue::new(writer.clone()),
            writer,
            read,
            cache: ReadCache::new(),
            lists: ListCache::new(),
            readers: Readers::new(),
            reports,
            reporting: Reports::new(),
            probe: Probe::default(),
            seal,
            space,
        })
    }

    /// The installation's name, made when it is first asked for.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn installation(&self) -> Result<String, StoreError> {
        self.write(|transaction| {
            Box::pin(async move {
                let row = sqlx::query("select id from installation").fetch_optional(&mut **transaction).await?;
                if let Some(row) = row {
                    return codec::text(&row, "id");
                }
                let id = uuid::Uuid::new_v4().simple().to_string();
                sqlx::query("insert into installation (id) values ($1)").bind(&id).execute(&mut **transaction).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Writes what `unit` writes, all or nothing, and returns its value once that is durable. The unit runs on the
    /// connection that writes, in the order in which units are sent, and sees what those before it wrote. Once it was
    /// sent it runs to its end, even if this future is dropped.
    ///
    /// # Errors
    /// Those of the unit, whose writes are rolled back then; or [`StoreError::Unavailable`].
    pub(super) async fn write<T, F>(&self, unit: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction<'_, Any>) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.writer.write(unit, || ()).await
    }

    /// [Writes](Self::write) to a session, and lets nobody read from memory what it was before.
    ///
    /// # Errors
    /// Those of the unit, whose writes are rolled back then; or [`StoreError::Unavailable`].
    pub(super) async fn write_session<T, F>(
        &self,
        tenant: TenantId,
        session: SessionId,
        unit: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction<'_, Any>) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        let (cache, lists) = (self.cache.clone(), self.lists.clone());
        let mark = move || {
            cache.mark(session);
            lists.mark(tenant, session);
        };
        self.writer.write(unit, mark).await
    }

    /// Waits for a place to read a report in: whatever may go through much of the ledger or list many rows.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the tenant reads too many, or others take too long.
    pub async fn report(&self, tenant: Option<TenantId>) -> Result<ReportPlace<'_>, StoreError> {
        self.reporting.enter(tenant).await
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

    /// The sandboxes that are not done with.
    pub fn pending(&self) -> PendingSandboxes<'_> {
        PendingSandboxes(self)
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

    /// Takes no further writes, finishes those that wait, and closes every connection.
    pub async fn close(&self) {
        self.read.close().await;
        self.writer.close().await;
    }
}
