//! Sandboxes that are made while workspaces are walked through.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::domain::{SessionId, SessionLimits, TenantId, TurnId};
use crate::engine::fake::Operation;
use crate::lifecycle::Tasks;
use crate::sandbox::{Activity, Caller, Maker, Wish};
use crate::spawner::{Local, WorkspacePath};
use crate::telemetry::TraceContext;

fn caller() -> Caller {
    Caller {
        tenant: TenantId::generate(),
        session: SessionId::generate(),
        turn: TurnId::generate(),
        activity: Activity::new(),
        egress: Arc::default(),
        agent_telemetry: false,
        trace: TraceContext::default(),
        log: tracing::Span::none(),
    }
}

fn spec(root: &Path) -> Wish {
    Wish {
        epoch: 1,
        workspace: WorkspacePath { root: root.to_owned(), relative: "".into() },
        image: None,
        runtime: None,
        limits: SessionLimits::default(),
        survey: true,
    }
}

#[tokio::test]
async fn start_does_not_wait_for_walks_of_others() {
    let (data, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(root.path(), Some(10_001), Some(10_001)).unwrap();
    }
    let mut config = Config::load(None).unwrap();
    config.data_dir = data.path().to_owned();
    config.sandbox.concurrent_starts = 1;
    let config = Arc::new(config);
    let (local, engine) = Local::with_fake_engine(&config);
    let _walks = [local.take_walk(TenantId::generate()).await, local.take_walk(TenantId::generate()).await];
    for _ in 0..2 {
        engine.fail_next(Operation::Start);
    }
    let (sockets, _receiver) = mpsc::channel(8);
    let maker = Maker::new(local, config, Tasks::new(), sockets);
    let mut opens = pin!(join(maker.open(caller(), spec(root.path())), maker.open(caller(), spec(root.path()))));
    let both_started = async {
        while engine.operations().iter().filter(|operation| **operation == Operation::Start).count() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        opened = &mut opens => panic!("no walk can have been made: {opened:?}"),
        () = both_started => {}
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("the second start waits for the first's walk"),
    }
}
