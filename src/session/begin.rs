//! Beginning a turn: of a new session, or a further one of a session at rest.

use super::entrance::Request;
use super::{Registry, ResumeError, StartError};
use crate::domain::{KeyId, SessionId, SessionLimits, SessionOverview, SessionState, Tenant, TurnId, TurnSpec};
use crate::metrics;
use crate::metrics::catalogue::SESSIONS_CREATED;
use crate::spawner::WorkspacePath;
use crate::store::{NewSession, NewTurn};

impl Registry {
    /// Stores a new session and puts it under a supervisor.
    pub(super) async fn begin_session(
        &self,
        tenant: &Tenant,
        key: &KeyId,
        cwd: Option<&str>,
        prompt: String,
        mut spec: TurnSpec,
    ) -> Result<(SessionId, Option<SessionLimits>), StartError> {
        let tenant = &self.admit(tenant, &mut spec).await?;
        let (workspace, _) = self.find_workspace(tenant, cwd).await?;
        let ticket = self.enter(tenant, Request { prompt: &prompt, spec: &spec }).await?;
        let (id, limits) = (SessionId::generate(), spec.limits);
        let turn = self.new_turn(key, prompt, spec);
        let live = turn.live(tenant.id, id);
        let new = NewSession { id, tenant: tenant.id, root: workspace.root, relative: workspace.relative, turn };
        self.shared().store.sessions().create(&new).await?;
        SESSIONS_CREATED.one([&metrics::tenant(tenant.id)]);
        self.supervise(live, ticket);
        Ok((id, limits))
    }

    /// Stores a further turn of a session and puts it under a supervisor.
    pub(super) async fn begin_turn(
        &self,
        tenant: &Tenant,
        key: &KeyId,
        id: SessionId,
        cwd: Option<&str>,
        prompt: String,
        mut spec: TurnSpec,
    ) -> Result<Option<SessionLimits>, ResumeError> {
        let overview = self.find(tenant.id, id).await.map_err(StartError::Store)?.ok_or(ResumeError::NotFound)?;
        if overview.session.state != SessionState::Idle {
            return Err(self.busy(&overview));
        }
        if overview.session.agent_session.is_none() {
            return Err(ResumeError::NoConversation);
        }
        self.check_length(&overview, &prompt)?;
        let tenant = &self.admit(tenant, &mut spec).await?;
        if cwd.is_some_and(|cwd| !cwd.is_empty()) {
            let (_, asked) = self.find_workspace(tenant, cwd).await?;
            let (root, relative) = (overview.session.root.clone(), overview.session.relative.clone());
            let ours = self.shared().maker.spawner().find_workspace(&WorkspacePath { root, relative }).await;
            let ours = ours.map_err(StartError::from)?;
            if (asked.device, asked.inode) != (ours.device, ours.inode) {
                return Err(ResumeError::OtherWorkspace);
            }
        }
        if !tenant.roots.iter().any(|root| root.path() == overview.session.root) {
            return Err(ResumeError::RootGone);
        }
        let (root, relative) = (overview.session.root.clone(), overview.session.relative.clone());
        self.wait_until_free(tenant.id, &WorkspacePath { root, relative }).await?;
        drop(overview);
        let ticket = self.enter(tenant, Request { prompt: &prompt, spec: &spec }).await?;
        let limits = spec.limits;
        let turn = self.new_turn(key, prompt, spec);
        let live = turn.live(tenant.id, id);
        let begun = self.shared().store.sessions().begin_turn(tenant.id, id, &turn).await.map_err(StartError::Store)?;
        if !begun {
            return Err(ResumeError::Running);
        }
        self.supervise(live, ticket);
        Ok(limits)
    }

    /// Why a session whose turn is not stored as ended cannot begin another.
    fn busy(&self, SessionOverview { session, turn }: &SessionOverview) -> ResumeError {
        let live = self.shared().live();
        // The supervisor of an earlier turn may still be there while this turn's is about to take its place.
        let own = live.get(&session.id).filter(|live| live.turn == turn.id);
        let is_ending = own.is_some_and(|live| live.whereabouts.is_stopping());
        drop(live);
        if is_ending { ResumeError::Ending } else { ResumeError::Running }
    }

    /// Checks that a conversation is short enough to be resumed: it is in memory while its agent starts.
    fn check_length(&self, SessionOverview { session, .. }: &SessionOverview, prompt: &str) -> Result<(), ResumeError> {
        let allowed = self.shared().config.session.max_conversation_bytes;
        let prompts = session.prompt_bytes + prompt.len() as u64;
        for (what, used) in [("transcript", session.transcript_bytes), ("prompts", prompts)] {
            if used > allowed {
                return Err(ResumeError::TooLong { what, used, allowed });
            }
        }
        Ok(())
    }

    fn new_turn(&self, key: &KeyId, prompt: String, spec: TurnSpec) -> NewTurn {
        NewTurn { id: TurnId::generate(), prompt, spec, key: key.clone(), created_at: self.shared().clock.now() }
    }
}
