//! Turns that no supervisor has: they can be cancelled, and are taken up.

use std::collections::HashSet;

use super::{BOUNDS, Fixture};
use crate::domain::{EndReason, KeyId, Outcome, SessionState, TurnSpec};
use crate::session::{CancelError, ResumeError, Stage};

#[tokio::test]
async fn cancels_turn_that_no_supervisor_has() {
    for state in [SessionState::Queued, SessionState::Starting, SessionState::Running] {
        let fixture = Fixture::new().await;
        fixture.store.sessions().set_state(&fixture.live, state, fixture.live.accepted_at).await.unwrap();
        fixture.registry.cancel(fixture.tenant, fixture.session).await.unwrap();
        let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
        assert_eq!((found.session.state, found.turn.outcome), (SessionState::Idle, Some(Outcome::Cancelled)));
        let again = fixture.registry.cancel(fixture.tenant, fixture.session).await;
        assert!(matches!(again, Err(CancelError::NotRunning(_))), "{again:?}");
        fixture.registry.delete(fixture.tenant, fixture.session).await.unwrap();
    }
}

#[tokio::test]
async fn supervisor_of_turn_that_has_ended_makes_no_sandbox() {
    let fixture = Fixture::new().await;
    fixture.registry.cancel(fixture.tenant, fixture.session).await.unwrap();
    let ticket = fixture.registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    fixture.registry.supervise(fixture.live, ticket);
    fixture.registry.drained().await;
    let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
    assert_eq!((found.session.epoch, found.session.state), (0, SessionState::Idle));
    assert_eq!(found.turn.outcome, Some(Outcome::Cancelled));
}

#[tokio::test]
async fn ended_turn_cannot_start_or_run() {
    let fixture = Fixture::new().await;
    fixture.registry.cancel(fixture.tenant, fixture.session).await.unwrap();
    for state in [SessionState::Starting, SessionState::Running] {
        let set = fixture.store.sessions().set_state(&fixture.live, state, fixture.live.accepted_at).await.unwrap();
        assert_eq!(set, None);
    }
    let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
    assert_eq!(found.session.state, SessionState::Idle);
}

#[tokio::test]
async fn takes_up_waiting_turn_that_no_supervisor_has() {
    let fixture = Fixture::new().await;
    let place = fixture.take_place().await;
    let mut suspects = HashSet::new();
    fixture.registry.adopt_strays(&mut suspects).await.unwrap();
    assert!(!fixture.registry.is_live(fixture.session), "its command may be about to appoint a supervisor");
    fixture.registry.adopt_strays(&mut suspects).await.unwrap();
    assert!(fixture.registry.is_live(fixture.session));
    fixture.registry.adopt_strays(&mut suspects).await.unwrap();
    assert_eq!((fixture.registry.live().len(), suspects.len()), (1, 0));
    fixture.registry.cancel(fixture.tenant, fixture.session).await.unwrap();
    drop(place);
}

#[tokio::test]
async fn ends_running_turn_that_no_supervisor_has() {
    let fixture = Fixture::new().await;
    let live = fixture.live;
    fixture.store.sessions().set_state(&live, SessionState::Running, live.accepted_at).await.unwrap();
    let mut suspects = HashSet::new();
    for _ in 0..2 {
        fixture.registry.adopt_strays(&mut suspects).await.unwrap();
    }
    let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
    assert_eq!((found.session.state, found.turn.outcome), (SessionState::Idle, Some(Outcome::Failed)));
    assert!(found.turn.error.unwrap().contains("resume the session"), "{:?}", EndReason::Interrupted);
}

#[tokio::test]
async fn takes_up_turns_page_by_page() {
    let fixture = Fixture::new().await;
    let sessions = fixture.store.sessions();
    let (mut after, mut seen) = (None, Vec::new());
    for number in 0..7 {
        fixture.queued(number).await;
    }
    loop {
        let page = sessions.live_page(None, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = Some(last.place());
        seen.extend(page.iter().map(|turn| turn.session));
    }
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), unique.len()), (8, 8));
    assert_eq!(sessions.live_page(Some(crate::domain::TenantId::generate()), None, 9).await.unwrap(), []);
}

#[tokio::test]
async fn end_that_cannot_be_stored_is_stored_when_it_can() {
    let fixture = Fixture::with(|config| config.session.wait_timeout_ms = 1).await;
    let place = fixture.take_place().await;
    fixture.store.break_for_test().await;
    let ticket = fixture.registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    fixture.registry.supervise(fixture.live, ticket);
    fixture.reads().await;
    fixture.store.mend_for_test().await;
    fixture.registry.drained().await;
    let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
    assert_eq!((found.session.state, found.turn.outcome), (SessionState::Idle, Some(Outcome::Failed)));
    drop(place);
}

#[tokio::test]
async fn session_that_is_ending_says_so_when_it_is_resumed() {
    let fixture = Fixture::with(|config| config.session.wait_timeout_ms = 1).await;
    let place = fixture.take_place().await;
    let ticket = fixture.registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    let key = KeyId::new("key");
    let resume = || {
        let (prompt, spec) = ("On".to_owned(), TurnSpec::default());
        fixture.registry.resume(&fixture.record, &key, fixture.session, None, prompt, spec)
    };
    assert!(matches!(resume().await, Err(ResumeError::Running)));
    fixture.store.break_for_test().await;
    fixture.registry.supervise(fixture.live, ticket);
    while fixture.registry.live().iter().any(|live| live.stage != Stage::Stopping) {
        tokio::task::yield_now().await;
    }
    let refused = resume().await.unwrap_err();
    assert!(matches!(refused, ResumeError::Ending), "{refused:?}");
    fixture.store.mend_for_test().await;
    fixture.registry.drained().await;
    drop(place);
}

#[tokio::test]
async fn turn_whose_end_cannot_be_stored_can_be_cancelled_when_it_can() {
    let fixture = Fixture::with(|config| config.session.wait_timeout_ms = 1).await;
    let place = fixture.take_place().await;
    fixture.store.break_for_test().await;
    let ticket = fixture.registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    fixture.registry.supervise(fixture.live, ticket);
    let cancelled = fixture.registry.cancel(fixture.tenant, fixture.session).await;
    assert!(matches!(&cancelled, Err(CancelError::Store(error)) if error.is_transient()), "{cancelled:?}");
    fixture.store.mend_for_test().await;
    let cancelled = fixture.registry.cancel(fixture.tenant, fixture.session).await;
    assert!(matches!(cancelled, Ok(()) | Err(CancelError::NotRunning(_))), "{cancelled:?}");
    fixture.registry.drained().await;
    let found = fixture.store.sessions().find(fixture.tenant, fixture.session).await.unwrap().unwrap();
    assert_eq!(found.session.state, SessionState::Idle);
    drop(place);
}
