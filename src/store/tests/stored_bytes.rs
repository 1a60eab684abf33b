//! What a tenant's sessions hold is counted as it is written, and is what adding it up would come to.

use sqlx::Row;

use super::books::{Books, at};
use crate::domain::{EventKind, KeyId, NewEvent, SessionId, TenantId, TurnEnd, TurnId, TurnSpec};
use crate::store::{Batch, NewSession, NewTurn};

/// What the rows of a tenant hold, added up.
const SUM: &str = "select cast(
    (select coalesce(sum(octet_length(prompt)), 0) from sessions where tenant_id = $1)
    + (select coalesce(sum(octet_length(prompt) + octet_length(spec)), 0) from turns where tenant_id = $1)
    + (select coalesce(sum(octet_length(payload)), 0) from events e join sessions s on s.id = e.session_id
        where s.tenant_id = $1)
    + (select coalesce(sum(octet_length(entry)), 0) from transcript x join sessions s on s.id = x.session_id
        where s.tenant_id = $1) as bigint) as bytes";

fn turn(prompt: &str) -> NewTurn {
    let spec = TurnSpec { system_prompt: Some("ä".repeat(50)), ..TurnSpec::default() };
    let created_at = at("2026-11-02", 0);
    NewTurn { id: TurnId::generate(), prompt: prompt.to_owned(), spec, key: KeyId::new("k"), created_at }
}

/// What is counted, and what the rows hold.
async fn both(books: &Books, tenant: TenantId) -> (u64, i64) {
    let counted = books.store.sessions().stored_bytes(tenant).await.unwrap();
    let row = sqlx::query(SUM).bind(tenant.to_string()).fetch_one(&books.store.read).await.unwrap();
    (counted, row.get("bytes"))
}

#[tokio::test]
async fn stored_bytes_follow_the_rows() {
    let books = Books::open().await;
    let (tenant, other) = (books.tenant("acme").await, books.tenant("other").await);
    assert_eq!(both(&books, tenant).await, (0, 0));
    let (id, first) = (SessionId::generate(), turn("prömpt"));
    let first_id = first.id;
    let new = NewSession { id, tenant, root: "/srv".into(), relative: "".into(), turn: first };
    books.store.sessions().create(&new).await.unwrap();
    let (counted, held) = both(&books, tenant).await;
    assert_eq!(i64::try_from(counted).unwrap(), held);
    let event =
        NewEvent { turn: first_id, kind: EventKind::Message, payload: "ü".repeat(100), at: at("2026-11-02", 1) };
    let transcript = vec!["t".repeat(70), "é".repeat(7)];
    let batch = Batch { events: vec![event.clone(), event], transcript, agent_session: Some("a".to_owned()) };
    books.store.events().append(tenant, id, &batch).await.unwrap();
    books.store.turns().end(tenant, id, first_id, &TurnEnd::cancelled(), at("2026-11-02", 2)).await.unwrap();
    let (counted, held) = both(&books, tenant).await;
    assert_eq!(i64::try_from(counted).unwrap(), held);
    assert!(books.store.sessions().begin_turn(tenant, id, &turn("again")).await.unwrap());
    let (counted, held) = both(&books, tenant).await;
    // What stands between two prompts of a session is not counted.
    assert_eq!(i64::try_from(counted).unwrap() + 25, held);
    let found = books.store.sessions().find(tenant, id).await.unwrap().unwrap();
    assert_eq!(found.session.transcript_bytes, 84);
    assert!(found.session.event_bytes > 400);
    assert_eq!(both(&books, other).await, (0, 0));
    books.store.rest_for_test(id).await;
    assert!(books.store.sessions().delete(tenant, id, crate::domain::Timestamp::from_micros(9)).await.unwrap());
    assert_eq!(both(&books, tenant).await, (0, 0));
}
