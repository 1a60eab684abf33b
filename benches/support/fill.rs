//! Sessions that have been, written into the store as the server writes them: messages and prompts are as long as
//! those the seed server was measured with.

use innkeeper::domain::{
    AgentReport, Clock, EndReason, EventKind, KeyId, NewEvent, Outcome, SessionId, SessionState, SystemClock, TurnEnd,
    TurnId, TurnSpec,
};
use innkeeper::store::{Batch, NewSession, NewTurn, Store};
use serde_json::{Value, json};

use crate::support::{Result, Tenant};

/// Bytes of what an agent or a tool says in a message; with what stands around it an answer of 1000 messages has 383 kB.
const SAID: usize = 140;

/// Bytes of a prompt; with what stands around it a list of 1000 sessions has 807 kB.
const ASKED: usize = 78;

/// Writes a completed session of so many messages, and answers its id.
pub(crate) async fn session(store: &Store, tenant: &Tenant, messages: usize) -> Result<SessionId> {
    let (id, now) = (SessionId::generate(), SystemClock.now());
    let turn = NewTurn {
        id: TurnId::generate(),
        prompt: words(ASKED),
        spec: TurnSpec::default(),
        key: KeyId::new("none"),
        created_at: now,
    };
    let (turn_id, live) = (turn.id, turn.live(tenant.id, id));
    let new = NewSession { id, tenant: tenant.id, root: tenant.root.clone(), relative: "".into(), turn };
    store.sessions().create(&new).await?;
    store.sessions().set_state(&live, SessionState::Starting, now).await?;
    let events = lines(id, messages).into_iter().map(|line| message(turn_id, &line)).collect();
    let batch = Batch { events, agent_session: Some(id.to_string()), ..Batch::default() };
    store.events().append(tenant.id, id, &batch).await?;
    let report = AgentReport { num_turns: 1, duration_ms: 1_234, usage: usage(), claimed: None };
    let end = TurnEnd {
        outcome: Outcome::Completed,
        reason: EndReason::Answered,
        error: None,
        report: Some(Box::new(report)),
    };
    store.turns().end(tenant.id, id, turn_id, &end, SystemClock.now()).await?;
    Ok(id)
}

fn message(turn: TurnId, line: &Value) -> NewEvent {
    NewEvent { turn, kind: EventKind::Message, payload: line.to_string(), at: SystemClock.now() }
}

/// What an agent says in a turn: how it begins, calls of a tool and their results, the answer's end.
fn lines(session: SessionId, count: usize) -> Vec<Value> {
    let tools = ["Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "TodoWrite", "WebFetch", "WebSearch", "Write"];
    let begin = json!({
        "type": "system", "subtype": "init", "cwd": "/workspace", "session_id": session, "tools": tools,
        "mcp_servers": [], "model": "claude-sonnet-5-5", "permissionMode": "default", "slash_commands": [],
        "apiKeySource": "ANTHROPIC_API_KEY", "claude_code_version": "2.1.331", "output_style": "default",
        "agents": [], "skills": [], "plugins": [], "uuid": session,
    });
    let end = json!({
        "type": "result", "subtype": "success", "is_error": false, "duration_ms": 1_234, "duration_api_ms": 1_000,
        "num_turns": 1, "session_id": session, "total_cost_usd": 0.0156, "usage": usage(), "result": words(SAID),
    });
    let said = (2..count).map(|place| if place % 2 == 0 { call(session, place) } else { result(session, place) });
    std::iter::once(begin).chain(said).chain([end]).collect()
}

fn call(session: SessionId, place: usize) -> Value {
    let tool = json!({
        "type": "tool_use", "id": format!("toolu_{place:024}"), "name": "Bash",
        "input": { "command": words(SAID / 2), "description": words(SAID / 4) },
    });
    json!({
        "type": "assistant", "parent_tool_use_id": null, "session_id": session, "uuid": session,
        "message": {
            "id": format!("msg_{place:024}"), "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
            "content": [tool], "stop_reason": null, "stop_sequence": null, "usage": usage(),
        },
    })
}

fn result(session: SessionId, place: usize) -> Value {
    let result = json!({
        "type": "tool_result", "tool_use_id": format!("toolu_{:024}", place - 1), "content": words(SAID),
        "is_error": false,
    });
    json!({
        "type": "user", "parent_tool_use_id": null, "session_id": session, "uuid": session,
        "message": { "role": "user", "content": [result] },
    })
}

/// What a result tells of tokens, in all its words.
fn usage() -> Value {
    json!({
        "input_tokens": 2_000, "cache_creation_input_tokens": 4_000, "cache_read_input_tokens": 6_000,
        "output_tokens": 100, "server_tool_use": { "web_search_requests": 0, "web_fetch_requests": 0 },
        "service_tier": "standard",
        "cache_creation": { "ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 4_000 },
    })
}

fn words(bytes: usize) -> String {
    "Read the file, \"mend\" it and\nrun the tests. ".chars().cycle().take(bytes).collect()
}
