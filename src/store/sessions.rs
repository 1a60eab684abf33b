//! Sessions in the store, each with its latest turn.

use sqlx::any::AnyRow;

use super::turns::{self, NewTurn};
use super::{LiveTurn, Store, StoreError, changes, codec, events, storage, windows};
use crate::domain::{Session, SessionId, SessionOverview, SessionState, TenantId, Timestamp};

/// A session to be written together with its first turn.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The root its workspace lies below.
    pub root: std::path::PathBuf,
    /// The workspace's path below the root.
    pub relative: std::path::PathBuf,
    /// Its first turn.
    pub turn: NewTurn,
}

/// The sessions.
#[derive(Debug)]
pub struct Sessions<'a>(pub(super) &'a Store);

/// A session's columns and, with a prefix, those of its latest turn. The long ones, which few readers need, are given as
/// expressions: all prompts of the session, the turn's prompt, and what is asked for beside it.
macro_rules! select_overview {
    ($prompts:literal, $prompt:literal, $spec:literal, $rest:literal) => {
        concat!(
            "select s.id, s.tenant_id, s.root, s.relative, s.state, ",
            $prompts,
            " as prompt, octet_length(s.prompt) as prompt_bytes, s.agent_session, s.epoch, s.last_seq, s.message_count,
                s.turn_count, s.created_at, s.changed_executables, s.event_bytes, s.transcript_bytes,
                t.id as t_id, t.ordinal as t_ordinal, ",
            $prompt,
            " as t_prompt, ",
            $spec,
            " as t_spec, t.outcome as t_outcome, t.error as t_error, t.report as t_report, t.cost_nanos as t_cost_nanos,
                t.created_at as t_created_at, t.started_at as t_started_at, t.ended_at as t_ended_at
             from sessions s join turns t on t.session_id = s.id and t.ordinal = s.turn_count ",
            $rest
        )
    };
}
pub(super) use select_overview;

impl Sessions<'_> {
    /// Writes a new session, its first turn and the prompt's event, all or nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create(&self, new: &NewSession) -> Result<(), StoreError> {
        let new = new.clone();
        let sealed = self.0.seal.seal(new.turn.id, &new.turn.spec.env);
        self.0
            .write_session(new.tenant, new.id, move |transaction| {
                Box::pin(async move {
                    sqlx::query(
                "insert into sessions (id, tenant_id, root, relative, state, prompt, agent_session, epoch, last_seq,
                    message_count, turn_count, created_at)
                 values ($1, $2, $3, $4, $5, $6, null, 0, 0, 0, 1, $7)",
            )
            .bind(new.id.to_string())
            .bind(new.tenant.to_string())
            .bind(new.root.to_string_lossy().into_owned())
            .bind(new.relative.to_string_lossy().into_owned())
            .bind(SessionState::Queued.as_str())
            .bind(&new.turn.prompt)
            .bind(new.turn.created_at.as_micros())
            .execute(&mut **transaction)
            .await?;
                    turns::insert(transaction, (new.tenant, new.id), 1, &new.turn, sealed).await?;
                    windows::bound_session(transaction, new.tenant, new.id, &new.turn).await?;
                    events::insert(transaction, new.id, &[new.turn.prompt_event()]).await?;
                    storage::count(transaction, new.id, new.turn.written()).await
                })
            })
            .await
    }

    /// Begins a further turn of an idle session that can be resumed: `false` when somebody else was quicker.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_turn(&self, tenant: TenantId, id: SessionId, turn: &NewTurn) -> Result<bool, StoreError> {
        let turn = turn.clone();
        let sealed = self.0.seal.seal(turn.id, &turn.spec.env);
        self.0
            .write_session(tenant, id, move |transaction| {
                Box::pin(async move {
                    let begun = sqlx::query(
                        "update sessions set state = $1, turn_count = turn_count + 1, prompt = prompt || $2
                 where id = $3 and tenant_id = $4 and state = $5 and agent_session is not null returning turn_count",
                    )
                    .bind(SessionState::Queued.as_str())
                    .bind(format!("\n\n--- Session Resume ---\n{}", turn.prompt))
                    .bind(id.to_string())
                    .bind(tenant.to_string())
                    .bind(SessionState::Idle.as_str())
                    .fetch_optional(&mut **transaction)
                    .await?;
                    let Some(row) = begun else { return Ok(false) };
                    let ordinal = codec::number(&row, "turn_count")?;
                    turns::insert(transaction, (tenant, id), ordinal, &turn, sealed).await?;
                    windows::bound_session(transaction, tenant, id, &turn).await?;
                    events::insert(transaction, id, &[turn.prompt_event()]).await?;
                    storage::count(transaction, id, turn.written()).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Finds a tenant's session, without its prompts and variables.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, tenant: TenantId, id: SessionId) -> Result<Option<SessionOverview>, StoreError> {
        let statement = select_overview!("''", "''", "t.spec", "where s.id = $1 and s.tenant_id = $2");
        self.find_by(statement, tenant, id).await
    }

    /// Finds a tenant's session, with the prompt and the variables of its latest turn: for who is about to give them to the
    /// agent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find_request(&self, tenant: TenantId, id: SessionId) -> Result<Option<SessionOverview>, StoreError> {
        let statement = select_overview!("''", "t.prompt", "t.spec", "where s.id = $1 and s.tenant_id = $2");
        let Some(mut found) = self.find_by(statement, tenant, id).await? else { return Ok(None) };
        let row = sqlx::query("select sealed_env from turns where id = $1 and tenant_id = $2")
            .bind(found.turn.id.to_string())
            .bind(tenant.to_string())
            .fetch_optional(&self.0.read)
            .await?;
        if let Some(sealed) = row.map(|row| codec::maybe_text(&row, "sealed_env")).transpose()?.flatten() {
            found.turn.spec.env = self.0.seal.unseal(found.turn.id, &sealed)?;
        }
        Ok(Some(found))
    }

    /// Finds a tenant's session, with all its prompts and without what is asked for beside them: for a list.
    pub(super) async fn find_entry(
        &self,
        tenant: TenantId,
        id: SessionId,
    ) -> Result<Option<SessionOverview>, StoreError> {
        let statement = select_overview!(
            "s.prompt",
            "''",
            r#"'{"allowed_tools":[],"disallowed_tools":[],"env":{}}'"#,
            "where s.id = $1 and s.tenant_id = $2"
        );
        self.find_by(statement, tenant, id).await
    }

    async fn find_by(
        &self,
        statement: &'static str,
        tenant: TenantId,
        id: SessionId,
    ) -> Result<Option<SessionOverview>, StoreError> {
        let row =
            sqlx::query(statement).bind(id.to_string()).bind(tenant.to_string()).fetch_optional(&self.0.read).await?;
        row.as_ref().map(overview).transpose()
    }

    /// Whose a session is: for operators, who act for no tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tenant_of(&self, id: SessionId) -> Result<Option<TenantId>, StoreError> {
        let row = sqlx::query("select tenant_id from sessions where id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.read)
            .await?;
        row.map(|row| codec::parsed(&row, "tenant_id")).transpose()
    }

    /// Writes the state of a session whose turn is under way, and numbers the sandbox about to be made when it is starting.
    /// Returns the epoch; `None` when the turn has ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_state(
        &self,
        turn: &LiveTurn,
        state: SessionState,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let LiveTurn { tenant, session, turn, .. } = *turn;
        self.0
            .write_session(tenant, session, move |transaction| {
                Box::pin(async move {
                    let starting = i64::from(state == SessionState::Starting);
                    let row = sqlx::query(
                        "update sessions set state = $1, epoch = epoch + $2 where id = $3 and tenant_id = $4 and exists
                            (select 1 from turns t where t.id = $5 and t.session_id = sessions.id and t.outcome is null)
                         returning epoch",
                    )
                    .bind(state.as_str())
                    .bind(starting)
                    .bind(session.to_string())
                    .bind(tenant.to_string())
                    .bind(turn.to_string())
                    .fetch_optional(&mut **transaction)
                    .await?;
                    let Some(row) = row else { return Ok(None) };
                    if starting == 1 {
                        turns::mark_started(transaction, session, now).await?;
                    }
                    codec::number(&row, "epoch").map(Some)
                })
            })
            .await
    }

    /// The first `limit` of the tenant's idle sessions after `after`, by their ids, whose last turn ended before `moment`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ended_before(
        &self,
        tenant: TenantId,
        moment: Timestamp,
        after: Option<SessionId>,
        limit: i64,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "select s.id from sessions s join turns t on t.session_id = s.id and t.ordinal = s.turn_count
             where s.tenant_id = $1 and s.state = $2 and t.ended_at < $3 and s.id > $4 order by s.id limit $5",
        )
        .bind(tenant.to_string())
        .bind(SessionState::Idle.as_str())
        .bind(moment.as_micros())
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.0.read)
        .await?;
        rows.iter().map(|row| codec::parsed(row, "id")).collect()
    }
}

#[cfg(test)]
impl Store {
    /// Keeps the writer busy until the returned sender is dropped.
    pub(crate) async fn begin_for_test(&self) -> tokio::sync::oneshot::Sender<()> {
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel();
        let hold = async move {
            begun.send(()).unwrap();
            let _ = released.await;
            Ok(())
        };
        self.writer.send(move |_| Box::pin(hold), || ()).await.unwrap();
        has_begun.await.unwrap();
        release
    }

    /// Lets no turn end and no check of readiness succeed any more: the file may not grow.
    pub(crate) async fn break_for_test(&self) {
        self.run_for_test(&[
            "create trigger break_beats_for_test after update on heartbeat begin
                insert into installation (id) values (hex(randomblob(1000000)));
             end",
            "create trigger break_turns_for_test after update on turns begin
                insert into installation (id) values (hex(randomblob(1000000)));
             end",
            "pragma max_page_count = 1",
        ])
        .await;
    }

    /// Lets writes succeed again.
    pub(crate) async fn mend_for_test(&self) {
        self.run_for_test(&[
            "drop trigger break_beats_for_test",
            "drop trigger break_turns_for_test",
            "pragma max_page_count = 4294967294",
        ])
        .await;
    }

    async fn run_for_test(&self, statements: &'static [&'static str]) {
        self.write(move |transaction| {
            Box::pin(async move {
                for statement in statements {
                    sqlx::query(*statement).fetch_optional(&mut **transaction).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    }

    /// Lets a session be resumed, as if its turn had ended.
    pub(crate) async fn rest_for_test(&self, id: SessionId) {
        self.write(move |transaction| {
            Box::pin(async move {
                let statement = "update sessions set state = 'idle', agent_session = 'a' where id = $1";
                sqlx::query(statement).bind(id.to_string()).execute(&mut **transaction).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    }
}

/// Reads a session and its latest turn out of a row.
pub(super) fn overview(row: &AnyRow) -> Result<SessionOverview, StoreError> {
    let session = Session {
        id: codec::parsed(row, "id")?,
        tenant: codec::parsed(row, "tenant_id")?,
        root: codec::text(row, "root")?.into(),
        relative: codec::text(row, "relative")?.into(),
        state: codec::word(row, "state", SessionState::parse)?,
        prompt: codec::text(row, "prompt")?,
        prompt_bytes: codec::count(row, "prompt_bytes")?,
        agent_session: codec::maybe_text(row, "agent_session")?,
        epoch: codec::number(row, "epoch")?,
        last_seq: codec::number(row, "last_seq")?,
        message_count: codec::number(row, "message_count")?,
        turn_count: codec::number(row, "turn_count")?,
        event_bytes: codec::count(row, "event_bytes")?,
        transcript_bytes: codec::count(row, "transcript_bytes")?,
        changed_executables: changes::executables_of(row)?,
        created_at: codec::time(row, "created_at")?,
    };
    let turn = turns::turn_of(&session, row)?;
    Ok(SessionOverview { session, turn })
}
