//! Sandboxes that do not end, removals that fail, servers that end in between.

use super::fixture::Fixture;
use crate::domain::PendingState;
use crate::engine::fake::Operation;
use crate::session::leftovers::settling::MAX_WAIT_MS;

#[tokio::test]
async fn sandbox_that_outlives_its_removal_keeps_changes_pending_over_a_restart() {
    let mut fixture = Fixture::new().await;
    fixture.engine.set_unkillable(true);
    fixture.finish().await;
    let assert_pending = async |fixture: &Fixture| {
        assert!(fixture.bait().exists(), "nothing is looked at while something may still write");
        assert!(fixture.recorded().await.is_empty());
        assert!(fixture.pending().await.unwrap().contains("has not ended yet"));
    };
    assert_pending(&fixture).await;
    assert!(!fixture.is_free("workspace").await && !fixture.is_free("workspace/sub").await);
    assert!(!fixture.is_free("").await && fixture.is_free("other").await);
    let swept = fixture.restart().await;
    assert_eq!((swept.removed, &*swept.remaining), (0, &[fixture.name][..]));
    for _ in 0..3 {
        fixture.settle().await;
        assert_pending(&fixture).await;
    }
    fixture.engine.set_unkillable(false);
    fixture.settle().await;
    fixture.assert_done().await;
    assert!(fixture.is_free("workspace").await);
}

#[tokio::test]
async fn removal_that_fails_is_tried_again_after_a_while_only() {
    let mut fixture = Fixture::new().await;
    fixture.engine.fail_next(Operation::Remove);
    fixture.engine.fail_next(Operation::Remove);
    fixture.restart().await;
    for _ in 0..5 {
        fixture.registry.settle_due().await.unwrap();
    }
    let removals = || fixture.engine.operations().iter().filter(|done| **done == Operation::Remove).count();
    assert_eq!(removals(), 2);
    assert!(fixture.pending().await.is_some());
    fixture.clock.advance_millis(MAX_WAIT_MS);
    fixture.settle().await;
    assert_eq!(removals(), 3);
    fixture.assert_done().await;
}

#[tokio::test]
async fn server_that_ended_during_a_turn_still_learns_what_it_changed() {
    let mut fixture = Fixture::new().await;
    fixture.restart().await;
    fixture.settle().await;
    fixture.assert_done().await;
}

#[tokio::test]
async fn survey_that_is_lost_is_reported_and_not_waited_for() {
    let mut fixture = Fixture::new().await;
    fixture.restart().await;
    std::fs::remove_dir_all(fixture.config.data_dir.join("surveys")).unwrap();
    fixture.settle().await;
    let [turn] = &*fixture.recorded().await else { panic!("one turn is known") };
    assert!(turn.changes.as_ref().unwrap_err().contains("not known"), "{turn:?}");
    assert_eq!((fixture.pending().await, fixture.store.pending().all().await.unwrap()), (None, Vec::new()));
}

#[tokio::test]
async fn incomplete_quarantine_is_reported_and_repeated_until_it_is_whole() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _recording = ::metrics::set_default_local_recorder(&recorder);
    let counted = || {
        let page = recorder.handle().render();
        page.lines().filter(|line| line.starts_with("innkeeper_surveys_incomplete_total{")).map(str::to_owned).collect()
    };
    let mut fixture = Fixture::new().await;
    for number in 0..70 {
        std::fs::write(fixture.directory.path().join(format!("workspace/{number}.mk")), "evil").unwrap();
    }
    fixture.restart().await;
    fixture.settle().await;
    assert!(!fixture.bait().exists());
    let changes = |turns: &[crate::domain::TurnChanges]| turns[0].changes.clone().unwrap();
    let first = changes(&fixture.recorded().await);
    assert!(first.incomplete.again && first.totals.executables == 41, "{:?}", first.totals);
    assert_eq!(fixture.store.pending().all().await.unwrap()[0].state, PendingState::Incomplete);
    let incomplete: Vec<_> = counted();
    assert!(matches!(&*incomplete, [one] if one.contains("tenant=") && one.ends_with(" 1")), "{incomplete:?}");
    fixture.settle().await;
    assert_eq!(counted(), incomplete, "a survey that is whole is counted as incomplete");
    let second = changes(&fixture.recorded().await);
    assert_eq!((second.incomplete.count, second.totals.executables), (0, 71), "what was undone first is still listed");
    assert_eq!(fixture.store.pending().all().await.unwrap(), []);
}
