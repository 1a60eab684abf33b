//! Callers who leave: a command that was begun is done, or has not begun, wherever its caller's future is dropped.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::Fixture;
use crate::domain::{KeyId, SeedStatus, SessionState, TurnSpec};
use crate::session::CancelError;

/// More polls than any command takes.
const MAX_POLLS: usize = 30;

/// Polls a future so many times and drops it, if it is not ready by then.
async fn poll_and_drop<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|context| {
        if polls == times {
            return Poll::Ready(None);
        }
        polls += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Checks that every session can be ended and deleted, and returns how many there were.
async fn end_all(fixture: &Fixture) -> usize {
    let (tenant, mut count) = (fixture.tenant, 0);
    for session in fixture.store.sessions().list(tenant).await.unwrap() {
        let id = session.session.id;
        if session.session.state != SessionState::Idle {
            fixture.registry.cancel(tenant, id).await.expect("a session that is under way can be cancelled");
        }
        fixture.registry.delete(tenant, id).await.expect("a session at rest can be deleted");
        count += 1;
    }
    count
}

#[tokio::test]
async fn dropped_start_leaves_no_session_that_cannot_be_ended() {
    let mut counts = Vec::new();
    for polls in 0..MAX_POLLS {
        let fixture = Fixture::new().await;
        let place = fixture.take_place().await;
        poll_and_drop(fixture.start("Hi".to_owned(), TurnSpec::default()), polls).await;
        fixture.settle().await;
        for live in fixture.store.sessions().list(fixture.tenant).await.unwrap() {
            let is_new = live.session.id != fixture.session;
            assert_eq!(fixture.registry.is_live(live.session.id), is_new, "{polls} polls");
        }
        counts.push(end_all(&fixture).await);
        drop(place);
    }
    assert_eq!((counts[0], counts[MAX_POLLS - 1]), (1, 2), "the first of no session, the last of a whole start");
}

#[tokio::test]
async fn dropped_resume_leaves_no_turn_that_cannot_be_ended() {
    for polls in 0..MAX_POLLS {
        let fixture = Fixture::new().await;
        let place = fixture.take_place().await;
        fixture
            .store
            .turns()
            .end(
                fixture.tenant,
                fixture.session,
                fixture.live.turn,
                &crate::domain::TurnEnd::cancelled(),
                fixture.live.accepted_at,
            )
            .await
            .unwrap();
        fixture.store.rest_for_test(fixture.session).await;
        let key = KeyId::new("key");
        let resume =
            fixture.registry.resume(&fixture.record, &key, fixture.session, None, "On".to_owned(), TurnSpec::default());
        poll_and_drop(resume, polls).await;
        fixture.settle().await;
        let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
        assert_eq!(fixture.registry.is_live(fixture.session), found.session.state == SessionState::Queued);
        assert_eq!(end_all(&fixture).await, 1);
        drop(place);
    }
}

#[tokio::test]
async fn dropped_cancel_and_delete_are_done_or_can_be_done_again() {
    for polls in 0..MAX_POLLS {
        let fixture = Fixture::new().await;
        let place = fixture.take_place().await;
        let id = fixture.start("Hi".to_owned(), TurnSpec::default()).await.unwrap();
        poll_and_drop(fixture.registry.cancel(fixture.tenant, id), polls).await;
        fixture.settle().await;
        match fixture.registry.cancel(fixture.tenant, id).await {
            Ok(()) => assert_eq!(polls, 0, "the dropped cancel had begun"),
            Err(CancelError::NotRunning(status)) => assert_eq!(status, SeedStatus::Cancelled),
            Err(error) => panic!("{error}"),
        }
        poll_and_drop(fixture.registry.delete(fixture.tenant, id), polls).await;
        fixture.settle().await;
        let is_there = fixture.store.sessions().find(fixture.tenant, id).await.unwrap().is_some();
        assert_eq!(is_there, polls == 0, "{polls} polls");
        drop(place);
    }
}
