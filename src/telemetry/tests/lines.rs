//! Log lines as they are written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, warn};

use crate::config::{LogConfig, LogFormat};
use crate::domain::{RequestId, SessionId, TenantId, TurnId};
use crate::lifecycle::Tasks;
use crate::telemetry::{TraceContext, in_request, in_turn, logs, note_tenant};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `work` has written by a filter, without their times.
fn lines(format: LogFormat, filter: &str, work: impl Future<Output = ()>) -> Vec<String> {
    let log = Log::default();
    let (config, to) = (LogConfig { filter: filter.to_owned(), format }, log.clone());
    let subscriber = logs::subscriber(&config, move || to.clone(), false).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    with_default(subscriber, || runtime.block_on(work));
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The same in text, each after its time.
fn told(filter: &str, work: impl Future<Output = ()>) -> Vec<String> {
    let lines = lines(LogFormat::Text, filter, work).into_iter();
    lines.map(|line| line.split_once("Z ").unwrap().1.to_owned()).collect()
}

#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read")]
struct Failed(#[source] io::Error);

fn failed() -> Failed {
    Failed(io::Error::other("disk I/O\nerror"))
}

#[test]
fn text_is_short_and_what_is_told_cannot_break_a_line() {
    let (tenant, request) = (TenantId::generate(), RequestId::generate());
    let (session, turn) = (SessionId::generate(), TurnId::generate());
    let work = async {
        info!(count = 2, path = "a b", "prices are\nread");
        let within = async {
            note_tenant(tenant);
            error!(error = &failed() as &dyn std::error::Error, "a call failed");
            let within = async { info!(reason = "answered", "a turn ended") };
            in_turn(within, (tenant, session, turn), TraceContext::default()).await;
        };
        in_request(within, request, TraceContext::default()).await;
    };
    assert_eq!(
        told("info", work),
        [
            " INFO telemetry: prices are\\nread count=2 path=\"a b\"".to_owned(),
            format!(
                "ERROR telemetry: a call failed error=\"the store cannot be read: disk I/O\\nerror\" tenant={tenant} \
                 request={request}"
            ),
            format!(
                " INFO telemetry: a turn ended reason=answered tenant={tenant} session={session} request={request}"
            ),
        ]
    );
}

#[test]
fn json_has_ids_and_fields_beside_the_message() {
    let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
    let work = async {
        let within = async {
            warn!(
                attempts = 3_u64,
                held = true,
                level = "of the caller",
                error = &failed() as &dyn std::error::Error,
                "no"
            );
        };
        in_turn(within, (tenant, session, turn), TraceContext::default()).await;
    };
    let mut line: Value = serde_json::from_str(&lines(LogFormat::Json, "info", work)[0]).unwrap();
    line["timestamp"].take();
    let expected = serde_json::json!({
        "timestamp": null, "level": "WARN", "target": "innkeeper::telemetry::tests::lines", "message": "no", "attempts": 3,
        "held": true, "error": "the store cannot be read: disk I/O\nerror", "tenant": tenant, "session": session,
        "turn": turn,
    });
    assert_eq!(line, expected);
}

#[test]
fn a_line_has_its_ids_whatever_else_is_filtered_and_in_whatever_task() {
    let (tenant, session, turn) = (TenantId::generate(), SessionId::generate(), TurnId::generate());
    let work = async {
        let tasks = Tasks::new();
        let spawning = tasks.clone();
        let within = async move { spawning.spawn("recorder", async { warn!("full") }) };
        in_turn(within, (tenant, session, turn), TraceContext::default()).await;
        tasks.stop().await;
    };
    assert_eq!(told("warn", work), [format!(" WARN telemetry: full tenant={tenant} session={session}")]);
}

#[test]
fn libraries_are_not_heard_below_info() {
    let work = async {
        debug!(target: "hyper::proto", "x-api-key: secret");
        info!(target: "sqlx::query", "slow");
        debug!("ours");
    };
    assert_eq!(told("trace", work), [" INFO sqlx: slow", "DEBUG telemetry: ours"]);
}
