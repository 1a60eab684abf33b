//! The writer: groups share a commit, units fail alone, and the store comes back after a fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Any, Transaction};
use tokio::sync::oneshot;

use super::books::Books;
use crate::domain::{SessionId, TenantId};
use crate::store::{Fault, Store, StoreError};

/// The names in the table that the tests write to, in the order in which they were written.
async fn names(store: &Store) -> Vec<String> {
    let rows = sqlx::query_scalar("select id from installation order by rowid").fetch_all(&store.read).await;
    rows.unwrap()
}

async fn insert(transaction: &mut Transaction<'_, Any>, name: &str) -> Result<(), StoreError> {
    sqlx::query("insert into installation (id) values ($1)").bind(name).execute(&mut **transaction).await?;
    Ok(())
}

async fn execute(transaction: &mut Transaction<'_, Any>, statement: &'static str) -> Result<(), StoreError> {
    sqlx::query(statement).execute(&mut **transaction).await?;
    Ok(())
}

/// Sends a unit that writes `name`, and returns where its outcome arrives.
async fn send(store: &Store, name: &'static str) -> crate::store::writer::Answer<()> {
    store.writer.send(move |transaction| Box::pin(insert(transaction, name)), || ()).await.unwrap()
}

/// Sends a unit that runs `statement`.
async fn send_statement(store: &Store, statement: &'static str) -> crate::store::writer::Answer<()> {
    store.writer.send(move |transaction| Box::pin(execute(transaction, statement)), || ()).await.unwrap()
}

fn fault(outcome: Result<Result<(), StoreError>, oneshot::error::RecvError>) -> Fault {
    let error = outcome.unwrap().unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    error.fault().unwrap()
}

#[tokio::test]
async fn units_that_arrive_together_are_committed_together() {
    let books = Books::open().await;
    let store = books.store.clone();
    let busy = store.begin_for_test().await;
    let mut answers = Vec::new();
    for name in ["a", "b", "c"] {
        answers.push(send(&store, name).await);
    }
    // The last unit of the group sees that nothing before it has been committed yet, but everything is there.
    let (reader, read) = (store.clone(), Arc::new(AtomicU64::new(99)));
    let seen = Arc::clone(&read);
    let last = store.writer.send(
        move |transaction| {
            Box::pin(async move {
                let inside: i64 =
                    sqlx::query_scalar("select count(*) from installation").fetch_one(&mut **transaction).await?;
                seen.store(names(&reader).await.len() as u64, Ordering::SeqCst);
                Ok(inside)
            })
        },
        || (),
    );
    let last = last.await.unwrap();
    drop(busy);
    assert_eq!(last.await.unwrap().unwrap(), 3);
    assert_eq!(read.load(Ordering::SeqCst), 0, "a unit was committed before the end of its group");
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(names(&store).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn failing_unit_leaves_the_others_of_its_group() {
    let books = Books::open().await;
    let store = books.store.clone();
    let busy = store.begin_for_test().await;
    let first = send(&store, "a").await;
    // It writes before it fails: that is rolled back with it.
    let failing = store
        .writer
        .send(
            |transaction| {
                Box::pin(async move {
                    insert(transaction, "lost").await?;
                    Err::<(), _>(StoreError::NameTaken { name: "x".to_owned() })
                })
            },
            || (),
        )
        .await
        .unwrap();
    let refused = send(&store, "a").await;
    let last = send(&store, "b").await;
    drop(busy);
    first.await.unwrap().unwrap();
    assert!(matches!(failing.await.unwrap(), Err(StoreError::NameTaken { .. })));
    let refused = refused.await.unwrap().unwrap_err();
    assert!(matches!(refused, StoreError::Statement(_)) && !refused.is_transient(), "{refused:?}");
    last.await.unwrap().unwrap();
    assert_eq!(names(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn first_unit_of_a_group_that_fails_is_rolled_back() {
    let books = Books::open().await;
    let store = books.store.clone();
    let failing = store.write(|transaction| {
        Box::pin(async move {
            insert(transaction, "lost").await?;
            Err::<(), _>(StoreError::NameTaken { name: "x".to_owned() })
        })
    });
    assert!(failing.await.is_err());
    send(&store, "a").await.await.unwrap().unwrap();
    assert_eq!(names(&store).await, ["a"]);
}

#[tokio::test]
async fn panic_in_a_unit_fails_that_unit_alone() {
    let books = Books::open().await;
    let store = books.store.clone();
    for is_first in [true, false] {
        let busy = if is_first { None } else { Some(store.begin_for_test().await) };
        let before = send(&store, if is_first { "a" } else { "c" }).await;
        let panicking = store
            .writer
            .send::<(), _, _>(
                |transaction| {
                    Box::pin(async move {
                        insert(transaction, "lost").await?;
                        panic!("a bug");
                    })
                },
                || (),
            )
            .await
            .unwrap();
        let after = send(&store, if is_first { "b" } else { "d" }).await;
        drop(busy);
        before.await.unwrap().unwrap();
        assert!(matches!(panicking.await.unwrap(), Err(StoreError::Panicked)));
        after.await.unwrap().unwrap();
    }
    assert_eq!(names(&store).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn unit_runs_in_order_though_its_caller_has_left() {
    let books = Books::open().await;
    let store = books.store.clone();
    let busy = store.begin_for_test().await;
    let (tenant, session) = (TenantId::generate(), SessionId::generate());
    let mut left = Box::pin(
        store.write_session(tenant, session, |transaction| Box::pin(async move { insert(transaction, "left").await })),
    );
    // Polled once: the unit is sent by then.
    assert!(futures_util::poll!(left.as_mut()).is_pending());
    drop(left);
    let after = send(&store, "after").await;
    drop(busy);
    after.await.unwrap().unwrap();
    assert_eq!(names(&store).await, ["left", "after"]);
}

#[tokio::test]
async fn commit_that_fails_fails_its_group_and_the_store_recovers() {
    let books = Books::open().await;
    let store = books.store.clone();
    let busy = store.begin_for_test().await;
    let before = send(&store, "a").await;
    // A reference to nothing, which is found at the commit.
    let poison = store
        .writer
        .send(
            |transaction| {
                Box::pin(async move {
                    execute(transaction, "pragma defer_foreign_keys = on").await?;
                    let statement =
                        "insert into turns (id, session_id, tenant_id, ordinal, prompt, spec, cost_nanos, created_at)
                        values ('t', 'nothing', 'nobody', 1, '', '{}', 0, 0)";
                    execute(transaction, statement).await
                })
            },
            || (),
        )
        .await
        .unwrap();
    let after = send(&store, "b").await;
    drop(busy);
    for answer in [before, poison, after] {
        assert_eq!(fault(answer.await), Fault::Connection);
    }
    assert_eq!(names(&store).await, [""; 0]);
    send(&store, "c").await.await.unwrap().unwrap();
    assert_eq!(names(&store).await, ["c"]);
}

#[tokio::test]
async fn transaction_the_database_rolled_back_is_never_taken_up_again() {
    let books = Books::open().await;
    let store = books.store.clone();
    let create = "create trigger trap before insert on installation when new.id = 'trap'
        begin select raise(rollback, 'rolled back'); end";
    send_statement(&store, create).await.await.unwrap().unwrap();
    // Alone in its transaction.
    assert!(send(&store, "trap").await.await.unwrap().is_err());
    for name in ["a", "b"] {
        send(&store, name).await.await.unwrap().unwrap();
    }
    // Within a group, which fails with it.
    let busy = store.begin_for_test().await;
    let (before, trapped) = (send(&store, "lost").await, send(&store, "trap").await);
    drop(busy);
    assert!(trapped.await.unwrap().is_err());
    assert_eq!(fault(before.await), Fault::Connection);
    assert_eq!(names(&store).await, ["a", "b"]);
    // After a failure the units share transactions with few others.
    let busy = store.begin_for_test().await;
    let units = [send(&store, "c").await, send(&store, "d").await, send(&store, "trap").await];
    drop(busy);
    let [c, d, trapped] = units;
    assert!(c.await.unwrap().is_ok() && d.await.unwrap().is_ok() && trapped.await.unwrap().is_err());
    assert_eq!(names(&store).await, ["a", "b", "c", "d"]);
}

#[test]
fn what_was_answered_is_there_after_a_crash() {
    let (directory, mut written) = (tempfile::tempdir().unwrap(), Vec::new());
    let path = directory.path().join("db");
    for round in 0..4_u32 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let answered = runtime.block_on(async {
            let store = Store::open(&path).await.unwrap();
            let mut found = names(&store).await;
            found.sort();
            assert!(written.iter().all(|name| found.contains(name)), "{written:?} is not within {found:?}");
            let (answered, mut tasks) = (Arc::new(std::sync::Mutex::new(Vec::new())), tokio::task::JoinSet::new());
            for caller in 0..16_u32 {
                let (store, answered) = (store.clone(), Arc::clone(&answered));
                tasks.spawn(async move {
                    for number in 0_u32.. {
                        let name = format!("{round}-{caller}-{number}");
                        let copy = name.clone();
                        let write =
                            store.write(move |transaction| Box::pin(async move { insert(transaction, &copy).await }));
                        if write.await.is_ok() {
                            answered.lock().unwrap().push(name);
                        }
                        if number == 20 {
                            break;
                        }
                    }
                });
            }
            // Ended in the middle of what they do.
            while answered.lock().unwrap().len() < 40 {
                tokio::task::yield_now().await;
            }
            tasks.abort_all();
            answered.lock().unwrap().clone()
        });
        runtime.shutdown_background();
        written.extend(answered);
    }
    assert!(written.len() >= 160);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_takes_nothing_more() {
    let books = Books::open().await;
    let store = books.store.clone();
    let busy = store.begin_for_test().await;
    let waiting = send(&store, "a").await;
    let closing = store.writer.close();
    drop(busy);
    closing.await;
    waiting.await.unwrap().unwrap();
    assert_eq!(names(&store).await, ["a"]);
    let late = store.write(|transaction| Box::pin(async move { insert(transaction, "b").await })).await;
    let late = late.unwrap_err();
    assert!(matches!(late, StoreError::Closed) && !late.is_transient(), "{late:?}");
}

#[tokio::test]
async fn connections_that_read_cannot_write() {
    let books = Books::open().await;
    let store = books.store.clone();
    let refused = sqlx::query("insert into installation (id) values ('x')").execute(&store.read).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}
