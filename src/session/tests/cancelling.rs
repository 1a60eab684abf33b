//! Sessions that are cancelled while they get their place, and what is shown of those that wait.

use super::{BOUNDS, Fixture};
use crate::domain::{TenantId, Timestamp};
use crate::session::{CancelError, LiveSession, QueueStatus, Stage};

#[tokio::test]
async fn a_session_that_gets_its_place_while_its_cancel_is_stored_is_cancelled_all_the_same() {
    let fixture = Fixture::new().await;
    let queue = &fixture.registry.shared().queue;
    let place = queue.enter(TenantId::generate(), BOUNDS, 0).unwrap().await;
    let ticket = queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    fixture.registry.supervise(fixture.live, ticket);
    let writing = fixture.store.begin_for_test().await;
    let cancelled = fixture.registry.cancel(fixture.tenant, fixture.session);
    let meanwhile = async {
        // The supervisor has the request by then, and waits for the connection that writes.
        fixture.reads().await;
        drop(place);
        fixture.reads().await;
        drop(writing);
    };
    let (cancelled, ()) = tokio::join!(cancelled, meanwhile);
    assert!(cancelled.is_ok(), "{cancelled:?}");
    let again = fixture.registry.cancel(fixture.tenant, fixture.session).await;
    assert!(matches!(again, Err(CancelError::NotRunning(_))), "{again:?}");
}

#[tokio::test]
async fn a_session_whose_start_and_cancel_want_to_write_at_once_is_cancelled() {
    let fixture = Fixture::new().await;
    let ticket = fixture.registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    let writing = fixture.store.begin_for_test().await;
    fixture.registry.supervise(fixture.live, ticket);
    // The start stands first in line for the connection that writes, and the cancel behind it.
    fixture.reads().await;
    let cancelled = fixture.registry.cancel(fixture.tenant, fixture.session);
    let meanwhile = async {
        fixture.reads().await;
        drop(writing);
    };
    let (cancelled, ()) = tokio::join!(cancelled, meanwhile);
    assert!(cancelled.is_ok(), "{cancelled:?}");
}

#[tokio::test]
async fn a_session_that_waits_is_listed_and_one_that_is_done_is_not() {
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    let accepted = Timestamp::from_micros(0);
    let nobody = QueueStatus { waiting: 0, oldest: None, taken: 0, capacity: 1 };
    assert_eq!((registry.live(), registry.queue()), (Vec::new(), nobody));
    let place = registry.shared().queue.enter(TenantId::generate(), BOUNDS, 0).unwrap().await;
    let ticket = registry.shared().queue.enter(fixture.tenant, BOUNDS, 0).unwrap();
    registry.supervise(fixture.live, ticket);
    let found = registry.live();
    let expected = LiveSession {
        tenant: fixture.tenant,
        session: fixture.session,
        turn: found[0].turn,
        stage: Stage::Queued,
        since: accepted,
        running_since: None,
        resources: None,
        memory_limit_bytes: None,
    };
    assert_eq!(found, [expected]);
    assert_eq!(registry.queue(), QueueStatus { waiting: 1, oldest: Some(accepted), taken: 1, capacity: 1 });
    registry.cancel(fixture.tenant, fixture.session).await.unwrap();
    registry.drained().await;
    drop(place);
    assert_eq!((registry.live(), registry.queue()), (Vec::new(), nobody));
}
