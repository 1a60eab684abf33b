//! Cleanup: what ended goes for good, and what nobody owns. What was spent stays in the ledger.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::OperationError;
use super::names::find_tenant;
use crate::config::Config;
use crate::domain::{Action, By, Outcome, SeedStatus};
use crate::session::{DeleteError, OrphanError, Orphans, Registry, orphaned_files, remove_files};
use crate::store::{EndedFilter, EndedSession, Store, StoreError};

/// Sessions that are looked up together.
const BATCH: u32 = 200;

/// What is to go.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanupAsk {
    /// Sessions of one tenant, by its name or its id. Left out: of all.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Sessions with this status: `completed`, `error` or `cancelled`. Left out: all that ended.
    #[serde(default)]
    pub status: Option<String>,
    /// Sessions whose last turn ended at least so many hours ago; 0 for all that ended.
    #[schema(format = Int64, maximum = 4_294_967_295_i64, example = 720)]
    pub min_ended_hours: u32,
    /// Whether only to say what would go.
    #[serde(default)]
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct CleanupReport {
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Sessions, with their turns, events, transcripts and changes.
    pub sessions: u64,
    /// Their bytes in the database.
    pub session_bytes: u64,
    /// Files that were quarantined of them.
    pub files: u64,
    /// Bytes of those.
    pub file_bytes: u64,
    /// Budgets of those sessions.
    pub budgets: u64,
    /// Sessions that were left alone because they were at work again, or their sandbox has not ended.
    pub skipped: u64,
    /// Sandboxes that nobody owns. A command counts none: the server looks for them by itself.
    pub orphaned_sandboxes: u64,
    /// Directories and files that nobody owns, with sockets in them.
    pub orphaned_paths: u64,
    /// Bytes of those.
    pub orphaned_bytes: u64,
    /// Bytes of the database before.
    pub database_bytes_before: u64,
    /// Bytes of the database after; as before when nothing was removed.
    pub database_bytes_after: u64,
    /// Whether the database's log was cut, so that it holds nothing of what was removed. If not, somebody was reading all the
    /// while, and the server cuts it later.
    pub log_is_cut: bool,
}

/// Who removes: the server, or a command next to it.
#[derive(Clone, Copy, Debug)]
pub struct Remover<'a> {
    /// Every fact.
    pub store: &'a Store,
    /// All settings.
    pub config: &'a Config,
    /// The live sessions, in the server.
    pub registry: Option<&'a Registry>,
}

/// Removes the sessions that are asked for and what nobody owns, gives the database's space back, and writes that to the
/// audit; or counts what would go.
///
/// # Errors
/// When the tenant or the status is none, or the store fails: what was removed until then stays removed, and is in the audit.
pub async fn clean_up(remover: Remover<'_>, ask: &CleanupAsk, by: &By) -> Result<CleanupReport, OperationError> {
    let filter = filter(remover.store, ask, by).await?;
    let mut report = CleanupReport { dry_run: ask.dry_run, ..CleanupReport::default() };
    report.database_bytes_before = remover.store.database_bytes().await?;
    report.database_bytes_after = report.database_bytes_before;
    let outcome = remover.remove(&filter, &mut report).await;
    if !ask.dry_run {
        let after = json!({
            "tenant": ask.tenant, "status": ask.status, "min_ended_hours": ask.min_ended_hours, "removed": report,
        });
        remover.store.audit().note(Action::CleanUp, "sessions", after, by).await?;
    }
    outcome.map(|()| report)
}

impl Remover<'_> {
    async fn remove(self, filter: &EndedFilter, report: &mut CleanupReport) -> Result<(), OperationError> {
        self.remove_sessions(filter, u64::MAX, report).await?;
        let orphans = match self.registry {
            Some(registry) => registry.orphans().await.map_err(failed)?,
            None => orphaned_files(self.store, self.config).await?,
        };
        report.orphaned_sandboxes = orphans.sandboxes.len() as u64;
        report.orphaned_paths = orphans.paths.len() as u64;
        report.orphaned_bytes = orphans.bytes;
        if report.dry_run {
            return Ok(());
        }
        self.remove_orphans(&orphans).await?;
        self.store.sessions().finish_deletions().await?;
        self.store.budgets().purge().await?;
        let given = self.store.give_back_space().await?;
        report.database_bytes_after = given.after;
        report.log_is_cut = given.log_is_cut;
        Ok(())
    }

    /// Removes up to `most` sessions, and counts them.
    pub(super) async fn remove_sessions(
        self,
        filter: &EndedFilter,
        most: u64,
        report: &mut CleanupReport,
    ) -> Result<(), StoreError> {
        let mut after = None;
        while report.sessions < most {
            let page = self.store.sessions().ended(filter, after, BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            for session in page {
                if report.sessions >= most {
                    break;
                }
                if report.dry_run || self.remove_session(&session, filter).await? {
                    report.count(&session);
                } else {
                    report.skipped += 1;
                }
            }
        }
        Ok(())
    }

    async fn remove_session(self, session: &EndedSession, filter: &EndedFilter) -> Result<bool, StoreError> {
        let Some(registry) = self.registry else {
            if !self.store.pending().of_session(session.tenant, session.id).await?.is_empty() {
                return Ok(false);
            }
            // A moment in which nothing more ends before the filter's is the same as now.
            let deleted = self.store.sessions().delete(session.tenant, session.id, filter.ended_before).await?;
            if deleted {
                let paths = vec![self.config.files_dir().join(session.id.to_string())];
                remove_files(&Orphans { paths, ..Orphans::default() });
            }
            return Ok(deleted);
        };
        match registry.delete(session.tenant, session.id).await {
            Ok(_) => Ok(true),
            Err(DeleteError::NotFound | DeleteError::Running) => Ok(false),
            Err(DeleteError::Store(error)) => Err(error),
        }
    }

    async fn remove_orphans(self, orphans: &Orphans) -> Result<(), OperationError> {
        if let Some(registry) = self.registry {
            return registry.remove_orphans(orphans).await.map_err(failed);
        }
        remove_files(orphans);
        Ok(())
    }
}

impl CleanupReport {
    fn count(&mut self, session: &EndedSession) {
        self.sessions += 1;
        self.session_bytes += session.stored_bytes;
        self.files += session.files;
        self.file_bytes += session.file_bytes;
        self.budgets += session.budgets;
    }
}

async fn filter(store: &Store, ask: &CleanupAsk, by: &By) -> Result<EndedFilter, OperationError> {
    let tenant = match &ask.tenant {
        Some(text) => Some(find_tenant(store, text).await?.id),
        None => None,
    };
    let outcome = ask.status.as_deref().map(|text| match SeedStatus::parse(text) {
        Some(SeedStatus::Completed) => Ok(Outcome::Completed),
        Some(SeedStatus::Error) => Ok(Outcome::Failed),
        Some(SeedStatus::Cancelled) => Ok(Outcome::Cancelled),
        _ => Err(OperationError::Invalid(format!(
            "`{text}` is no status of a session that ended; there are completed, error, cancelled"
        ))),
    });
    let ended_before = by.at.minus_seconds(i64::from(ask.min_ended_hours) * 3_600);
    Ok(EndedFilter { tenant, outcome: outcome.transpose()?, ended_before })
}

fn failed(error: OrphanError) -> OperationError {
    match error {
        OrphanError::Store(error) => error.into(),
        OrphanError::Spawner(error) => OperationError::Engine(error),
    }
}
