//! Status and list of sessions in a real store.

use serde_json::{Value, json};

use super::messages::TOOL_TURN;
use crate::api::seed::session_name::SessionName;
use crate::api::seed::{SeedError, list, status};
use crate::domain::{
    AgentReport, By, EndReason, EventKind, KeyId, NewEvent, Outcome, SessionId, SessionState, Tenant, TenantId,
    TenantLimits, TenantRoot, TenantState, Timestamp, TurnEnd, TurnId, TurnSpec,
};
use crate::store::{Batch, LiveTurn, NewSession, NewTurn, Store};

/// A store with two tenants.
struct Fixture {
    store: Store,
    acme: TenantId,
    other: TenantId,
    _directory: tempfile::TempDir,
}

/// So many seconds after a morning in November.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_795_512_600_000_001).plus_millis(seconds * 1_000)
}

fn turn(prompt: &str, created_at: Timestamp) -> NewTurn {
    NewTurn {
        id: TurnId::generate(),
        prompt: prompt.to_owned(),
        spec: TurnSpec::default(),
        key: KeyId::new("k"),
        created_at,
    }
}

fn completed() -> TurnEnd {
    let usage = json!({ "input_tokens": 2000, "output_tokens": 100 });
    let report = AgentReport { num_turns: 2, duration_ms: 291, usage, claimed: None };
    TurnEnd { outcome: Outcome::Completed, reason: EndReason::Answered, error: None, report: Some(Box::new(report)) }
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("test.db")).await.unwrap();
        let [acme, other] = [(); 2].map(|()| TenantId::generate());
        for (id, name) in [(acme, "acme"), (other, "other")] {
            let roots = vec![TenantRoot::new("/srv").unwrap()];
            let tenant = Tenant {
                id,
                name: name.to_owned(),
                roots,
                limits: TenantLimits::default(),
                state: TenantState::Active,
                created_at: at(0),
            };
            store.tenants().create(&tenant, &By::test()).await.unwrap();
        }
        Self { store, acme, other, _directory: directory }
    }

    /// A session that waits for its place.
    async fn session(&self, prompt: &str, seconds: i64) -> (SessionId, TurnId) {
        let (id, turn) = (SessionId::generate(), turn(prompt, at(seconds)));
        let turn_id = turn.id;
        let new = NewSession { id, tenant: self.acme, root: "/srv".into(), relative: "".into(), turn };
        self.store.sessions().create(&new).await.unwrap();
        (id, turn_id)
    }

    /// Its agent starts at second 1 and says all of a turn.
    async fn speak(&self, id: SessionId, turn: TurnId) {
        let live = LiveTurn::of(&self.store.sessions().find(self.acme, id).await.unwrap().unwrap());
        self.store.sessions().set_state(&live, SessionState::Starting, at(1)).await.unwrap();
        self.store.sessions().set_state(&live, SessionState::Running, at(2)).await.unwrap();
        let event = |line: &str| NewEvent { turn, kind: EventKind::Message, payload: line.to_owned(), at: at(3) };
        let events = TOOL_TURN.lines().map(event).collect();
        let batch = Batch { events, agent_session: Some("the agent's name".to_owned()), ..Batch::default() };
        self.store.events().append(self.acme, id, &batch).await.unwrap();
    }

    async fn status(&self, id: SessionId, seconds: i64) -> Value {
        let name = SessionName::new(id.to_string());
        let body =
            status::read(&self.store, self.acme, name, None, at(seconds)).await.unwrap().collect().await.unwrap();
        let mut status: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status["session_id"], id.to_string());
        status["session_id"] = "(its id)".into();
        let messages = status["messages"].as_array().unwrap().len();
        status["messages"] = format!("({messages} messages)").into();
        status
    }

    async fn list(&self, tenant: TenantId) -> Value {
        serde_json::from_slice(&list::read(&self.store, tenant).await.unwrap().collect().await.unwrap()).unwrap()
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[tokio::test]
async fn a_session_from_its_place_in_the_queue_to_its_answer() {
    let fixture = Fixture::new().await;
    let (id, turn) = fixture.session("say hello", 0).await;
    insta::assert_snapshot!("status_pending", pretty(&fixture.status(id, 1).await));
    fixture.speak(id, turn).await;
    insta::assert_snapshot!("status_running", pretty(&fixture.status(id, 4).await));
    assert_eq!(fixture.status(id, 5).await["duration_ms"], 4_000);
    fixture.store.turns().end(fixture.acme, id, turn, &completed(), at(6)).await.unwrap();
    insta::assert_snapshot!("status_completed", pretty(&fixture.status(id, 60).await));
}

#[tokio::test]
async fn a_turn_that_failed_or_was_cancelled_shows_its_cost_and_no_result() {
    let fixture = Fixture::new().await;
    let failed = TurnEnd::failed(EndReason::OutOfMemory, "the sandbox ran out of memory");
    for (end, status) in [(failed, "error"), (TurnEnd::cancelled(), "cancelled")] {
        let (id, turn) = fixture.session("say hello", 0).await;
        fixture.speak(id, turn).await;
        fixture.store.turns().end(fixture.acme, id, turn, &end, at(6)).await.unwrap();
        let shown = fixture.status(id, 60).await;
        assert_eq!(shown["status"], status);
        assert_eq!(shown["error"], end.error.unwrap());
        assert_eq!((&shown["result"], &shown["total_cost_usd"]), (&Value::Null, &json!(0)));
    }
}

#[tokio::test]
async fn a_further_turn_keeps_the_messages_and_nothing_else() {
    let fixture = Fixture::new().await;
    let (id, first) = fixture.session("say hello", 0).await;
    fixture.speak(id, first).await;
    fixture.store.turns().end(fixture.acme, id, first, &completed(), at(6)).await.unwrap();
    assert!(fixture.store.sessions().begin_turn(fixture.acme, id, &turn("again", at(7))).await.unwrap());
    insta::assert_snapshot!("status_resumed", pretty(&fixture.status(id, 8).await));
    assert_eq!(fixture.list(fixture.acme).await[0]["prompt"], "say hello\n\n--- Session Resume ---\nagain");
}

#[tokio::test]
async fn another_tenants_session_is_as_good_as_none() {
    let fixture = Fixture::new().await;
    let (id, _) = fixture.session("say hello", 0).await;
    let name = SessionName::new(id.to_string());
    let answer = status::read(&fixture.store, fixture.other, name, None, at(1)).await;
    assert!(matches!(answer, Err(SeedError::SessionNotFound(name)) if name.to_string() == id.to_string()));
    assert_eq!(fixture.list(fixture.other).await, json!([]));
}

#[tokio::test]
async fn a_list_that_was_read_shows_what_is_written_after() {
    let fixture = Fixture::new().await;
    let (one, turn) = fixture.session("one", 0).await;
    let shown = async || {
        let list = fixture.list(fixture.acme).await;
        let entry =
            |entry: &Value| format!("{} {}", entry["prompt"].as_str().unwrap(), entry["status"].as_str().unwrap());
        list.as_array().unwrap().iter().map(entry).collect::<Vec<_>>()
    };
    assert_eq!(shown().await, ["one pending"]);
    fixture.session("two", 5).await;
    fixture.speak(one, turn).await;
    assert_eq!(shown().await, ["one running", "two pending"]);
    fixture.store.turns().end(fixture.acme, one, turn, &completed(), at(6)).await.unwrap();
    assert_eq!(shown().await, ["one completed", "two pending"]);
    assert!(fixture.store.sessions().delete(fixture.acme, one, Timestamp::from_micros(9)).await.unwrap());
    assert_eq!(shown().await, ["two pending"]);
}

#[tokio::test]
async fn the_list_begins_with_the_oldest() {
    let fixture = Fixture::new().await;
    let (second, _) = fixture.session("second", 20).await;
    let (first, turn) = fixture.session("first \"quoted\" <b>", 10).await;
    fixture.speak(first, turn).await;
    fixture.store.turns().end(fixture.acme, first, turn, &completed(), at(30)).await.unwrap();
    let mut sessions = fixture.list(fixture.acme).await;
    for (place, id) in [first, second].into_iter().enumerate() {
        assert_eq!(sessions[place]["session_id"], id.to_string());
        sessions[place]["session_id"] = "(its id)".into();
    }
    insta::assert_snapshot!("list", pretty(&sessions));
}
