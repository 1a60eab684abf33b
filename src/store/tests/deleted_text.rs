//! What was deleted, and what is sealed, cannot be found in the files of the database, and the space it took is given back.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{Connection, Executor, Row};

use super::books::{Books, Work, at};
use crate::domain::{EventKind, KeyId, NewEvent, SessionId, Timestamp, TurnEnd, TurnId, TurnSpec};
use crate::store::{Batch, NewSession, NewTurn, Store};

/// Stands in every text of a session that is deleted.
const MARK: &str = "the prompt of acme 4711";

const SECRET: &str = "the token of acme 4712";

/// How often a text is in the files below a directory.
fn copies(directory: &Path, text: &str) -> usize {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()).sum()
}

/// A session with a variable, at work on a prompt.
async fn begin(store: &Store, work: Work, prompt: &str) {
    let env = BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())]);
    let spec = TurnSpec { env, ..TurnSpec::default() };
    let (key, created_at) = (KeyId::new("k"), at("2026-11-02", 0));
    let turn = NewTurn { id: work.turn, prompt: prompt.to_owned(), spec, key, created_at };
    let new = NewSession { id: work.session, tenant: work.tenant, root: "/".into(), relative: "".into(), turn };
    store.sessions().create(&new).await.unwrap();
}

/// Lets an agent say a text many times, in small and large pieces.
async fn say(store: &Store, work: Work, text: &str) {
    for round in 0..20 {
        let payload = text.repeat(1 + round * 40);
        let event =
            NewEvent { turn: work.turn, kind: EventKind::Message, payload: payload.clone(), at: at("2026-11-02", 1) };
        let batch = Batch { events: vec![event], transcript: vec![payload], agent_session: None };
        store.events().append(work.tenant, work.session, &batch).await.unwrap();
    }
}

async fn end(store: &Store, work: Work) {
    let (end, now) = (TurnEnd::cancelled(), at("2026-11-02", 2));
    assert!(store.turns().end(work.tenant, work.session, work.turn, &end, now).await.unwrap().is_some());
    store.rest_for_test(work.session).await;
}

#[tokio::test]
async fn deleted_text_is_in_no_file_and_gives_its_space_back() {
    let directory = tempfile::tempdir().unwrap();
    let books = Books::at(&directory.path().join("db")).await;
    let (tenant, store) = (books.tenant("acme").await, &books.store);
    let works: Vec<_> =
        (0..6).map(|_| Work { tenant, session: SessionId::generate(), turn: TurnId::generate() }).collect();
    for (number, work) in works.iter().enumerate() {
        begin(store, *work, if number % 2 == 0 { MARK } else { "another prompt" }).await;
    }
    // Their rows lie between each other, as those of sessions at the same time do.
    for (number, work) in works.iter().enumerate() {
        say(store, *work, if number % 2 == 0 { MARK } else { "other words" }).await;
        end(store, *work).await;
    }
    assert!(copies(directory.path(), MARK) > 100);
    for work in works.iter().step_by(2) {
        assert!(store.sessions().delete(tenant, work.session, Timestamp::from_micros(9)).await.unwrap());
    }
    let given = store.give_back_space().await.unwrap();
    assert!(given.log_is_cut && given.after < given.before * 2 / 3, "{given:?}");
    assert_eq!(copies(directory.path(), MARK), 0);
    assert!(copies(directory.path(), "other words") > 100);
}

#[tokio::test]
async fn variables_lie_nowhere_in_clear_and_end_with_the_turn() {
    let directory = tempfile::tempdir().unwrap();
    let books = Books::at(&directory.path().join("db")).await;
    let work = Work { tenant: books.tenant("acme").await, session: SessionId::generate(), turn: TurnId::generate() };
    begin(&books.store, work, MARK).await;
    assert!(copies(directory.path(), MARK) > 0);
    assert_eq!(copies(directory.path(), SECRET), 0);
    let found = async || books.store.sessions().find_request(work.tenant, work.session).await.unwrap().unwrap();
    assert_eq!(found().await.turn.spec.env["TOKEN"], SECRET);
    end(&books.store, work).await;
    assert!(found().await.turn.spec.env.is_empty());
}

#[tokio::test]
async fn variables_of_an_earlier_release_are_sealed_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let books = Books::at(&path).await;
    let tenant = books.tenant("acme").await;
    let works = [(); 2].map(|()| Work { tenant, session: SessionId::generate(), turn: TurnId::generate() });
    for work in works {
        begin(&books.store, work, MARK).await;
    }
    end(&books.store, works[1]).await;
    let clear =
        format!("update turns set sealed_env = null, spec = replace(spec, '{{}}', '{{\"TOKEN\":\"{SECRET}\"}}')");
    let unsealed =
        "insert into unsealed_turns (turn_id) select id from turns where spec like '%\"env\":{\"%'".to_owned();
    books.store.close().await;
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for statement in [clear, unsealed] {
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }
    connection.close().await.unwrap();
    assert_eq!(copies(directory.path(), SECRET), 2);

    let store = Store::open(&path).await.unwrap();
    store.give_back_if_deleted().await.unwrap();
    assert_eq!(copies(directory.path(), SECRET), 0);
    let env = async |work: Work| {
        store.sessions().find_request(tenant, work.session).await.unwrap().unwrap().turn.spec.env.len()
    };
    assert_eq!((env(works[0]).await, env(works[1]).await), (1, 0));
}

#[tokio::test]
async fn a_database_of_an_earlier_release_can_give_space_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mut connection =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    connection.execute("create table earlier (a text)").await.unwrap();
    connection.close().await.unwrap();
    let books = Books::at(&path).await;
    assert!(books.store.write_anew_if_old().await.unwrap());
    assert!(!books.store.write_anew_if_old().await.unwrap());
    let work = Work { tenant: books.tenant("acme").await, session: SessionId::generate(), turn: TurnId::generate() };
    begin(&books.store, work, MARK).await;
    say(&books.store, work, MARK).await;
    end(&books.store, work).await;
    assert!(books.store.sessions().delete(work.tenant, work.session, Timestamp::from_micros(9)).await.unwrap());
    let given = books.store.give_back_space().await.unwrap();
    assert!(given.after + 200_000 < given.before, "{given:?}");
    let row = sqlx::query("pragma integrity_check").fetch_one(&books.store.read).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "ok");
}
