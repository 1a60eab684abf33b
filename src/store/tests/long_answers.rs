//! Lists and conversations that are too long to be kept in memory: the same bytes, read page by page.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};

use super::books::{Books, at};
use crate::domain::{Event, EventKind, KeyId, NewEvent, SessionId, SessionOverview, TenantId, TurnId, TurnSpec};
use crate::store::{Batch, NewSession, NewTurn, Pieces};

fn entry(SessionOverview { session, turn }: &SessionOverview) -> Bytes {
    format!(r#"{{"id":"{}","prompt":"{}","turn":"{}"}}"#, session.id, session.prompt, turn.id).into()
}

/// As the API renders messages: an array, after the elements of an earlier one.
fn messages(earlier: &[u8], events: &[Event]) -> Bytes {
    let mut array = earlier.strip_suffix(b"]").unwrap_or(b"[").to_vec();
    for event in events {
        if array.len() > 1 {
            array.push(b',');
        }
        array.extend_from_slice(event.payload.as_bytes());
    }
    array.push(b']');
    array.into()
}

async fn session(books: &Books, tenant: TenantId, prompt: String, seconds: i64) -> (SessionId, TurnId) {
    let (id, turn) = (SessionId::generate(), TurnId::generate());
    let created_at = at("2026-11-02", seconds);
    let turn = NewTurn { id: turn, prompt, spec: TurnSpec::default(), key: KeyId::new("k"), created_at };
    let turn_id = turn.id;
    let new = NewSession { id, tenant, root: "/srv".into(), relative: "".into(), turn };
    books.store.sessions().create(&new).await.unwrap();
    (id, turn_id)
}

async fn say(books: &Books, tenant: TenantId, (session, turn): (SessionId, TurnId), kind: EventKind, payload: String) {
    let events = vec![NewEvent { turn, kind, payload, at: at("2026-11-02", 9) }];
    books.store.events().append(tenant, session, &Batch { events, ..Batch::default() }).await.unwrap();
}

/// All pieces, and the longest of them.
async fn read(pieces: Pieces) -> (Vec<u8>, usize) {
    let pieces: Vec<Bytes> = pieces.map(Result::unwrap).collect().await;
    let longest = pieces.iter().map(Bytes::len).max().unwrap_or_default();
    (pieces.concat(), longest)
}

#[tokio::test]
async fn list_read_by_pages_has_the_bytes_of_the_kept_list() {
    let books = Books::open().await;
    let (tenant, other) = (books.tenant("acme").await, books.tenant("other").await);
    for (pages, prompts) in [(1, 0), (2, 3), (5, 40)] {
        for number in 0..prompts {
            // Several are created in the same moment.
            session(&books, tenant, "p".repeat(20_000 * (number % 3)), i64::try_from(number / 4).unwrap()).await;
        }
        let kept = books.store.session_list(tenant, entry).await.unwrap();
        assert!(kept.length().is_some());
        let parts: Vec<Bytes> = books.store.list_pages(tenant, entry).map(Result::unwrap).collect().await;
        assert!(parts.len() >= pages, "{}", parts.len());
        assert!(parts.iter().all(|part| part.len() < 400_000));
        assert_eq!(read(kept).await.0, parts.concat());
    }
    assert_eq!(read(books.store.session_list(other, entry).await.unwrap()).await.0, b"[]");
}

#[tokio::test]
async fn long_list_is_not_kept_until_it_is_short_again() {
    let books = Books::open().await;
    let tenant = books.tenant("acme").await;
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.push(session(&books, tenant, "p".repeat(2_000_000), second).await.0);
    }
    let long = books.store.session_list(tenant, entry).await.unwrap();
    assert_eq!(long.length(), None, "it is read page by page");
    let (body, longest) = read(long).await;
    assert!(body.len() > 10_000_000 && longest < 2_100_000, "{longest}");
    assert_eq!(books.store.lists.kept_bytes(tenant), 0);
    books.store.rest_for_test(ids[0]).await;
    books.store.sessions().delete(tenant, ids[0], crate::domain::Timestamp::from_micros(9)).await.unwrap();
    let short = books.store.session_list(tenant, entry).await.unwrap();
    assert!(short.length().is_some_and(|length| length > 8_000_000));
    assert!(books.store.lists.kept_bytes(tenant) > 8_000_000, "what is kept is weighed");
    // A kept list that grows too long is dropped.
    session(&books, tenant, "p".repeat(2_000_000), 9).await;
    assert_eq!(books.store.session_list(tenant, entry).await.unwrap().length(), None);
    assert_eq!(books.store.lists.kept_bytes(tenant), 0);
}

#[tokio::test]
async fn conversation_read_by_pages_has_the_bytes_of_the_kept_one() {
    let books = Books::open().await;
    let tenant = books.tenant("acme").await;
    let of = session(&books, tenant, "p".to_owned(), 0).await;
    for number in 0..60 {
        say(&books, tenant, of, EventKind::Message, format!(r#"{{"n":{number},"text":"{}"}}"#, "m".repeat(20_000)))
            .await;
        say(&books, tenant, of, EventKind::AgentError, "{}".to_owned()).await;
    }
    let kept = books.store.conversation(tenant, of.0, messages).await.unwrap().unwrap();
    let parts: Vec<Bytes> = books.store.message_pages(&kept.overview, messages).map(Result::unwrap).collect().await;
    assert!(parts.len() > 4 && parts.iter().all(|part| part.len() < 300_000));
    assert_eq!(kept.messages.as_ref().unwrap()[..], parts.concat());
    let empty = session(&books, tenant, "p".to_owned(), 0).await;
    let kept = books.store.conversation(tenant, empty.0, messages).await.unwrap().unwrap();
    let parts: Vec<Bytes> = books.store.message_pages(&kept.overview, messages).map(Result::unwrap).collect().await;
    assert_eq!((parts.concat(), &kept.messages.as_ref().unwrap()[..]), (b"[]".to_vec(), &b"[]"[..]));
}

#[tokio::test]
async fn long_conversation_is_not_kept() {
    let books = Books::open().await;
    let tenant = books.tenant("acme").await;
    let of = session(&books, tenant, "p".to_owned(), 0).await;
    say(&books, tenant, of, EventKind::OutOfMemory, r#"{"killed":2}"#.to_owned()).await;
    say(&books, tenant, of, EventKind::Message, format!("\"{}\"", "m".repeat(7 << 20))).await;
    let kept = books.store.conversation(tenant, of.0, messages).await.unwrap().unwrap();
    assert!(kept.messages.is_some() && kept.out_of_memory_kills() == Some(2));
    say(&books, tenant, of, EventKind::OutOfMemory, r#"{"killed":3}"#.to_owned()).await;
    say(&books, tenant, of, EventKind::Message, format!("\"{}\"", "m".repeat(2 << 20))).await;
    let long = books.store.conversation(tenant, of.0, messages).await.unwrap().unwrap();
    assert!(long.messages.is_none());
    assert_eq!(long.out_of_memory_kills(), Some(5));
    let parts: Vec<Bytes> = books.store.message_pages(&long.overview, messages).map(Result::unwrap).collect().await;
    assert_eq!(parts.concat().len(), (9 << 20) + 7);
}

#[tokio::test]
async fn readers_of_long_answers_wait_for_their_turn() {
    let books = Books::open().await;
    let (many, one) = (books.tenant("many").await, books.tenant("one").await);
    let long = || vec![Bytes::from(vec![0; 2 << 20])];
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(books.store.whole(many, long()).await);
    }
    let mut ninth = Box::pin(books.store.whole(many, long()));
    assert!((&mut ninth).now_or_never().is_none(), "eight answers nobody reads are in memory already");
    assert!(books.store.whole(many, vec![Bytes::from_static(b"short")]).now_or_never().is_some());
    assert!(books.store.whole(one, long()).now_or_never().is_some(), "another tenant waits for nobody");
    drop(held.pop());
    assert!((&mut ninth).now_or_never().is_some());
}
