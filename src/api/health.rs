//! Health, for probes: whether the process lives, and whether it can do its work. Nobody needs a key for that.

use axum::extract::State;
use http::StatusCode;

use super::ApiState;
use crate::admin::Finding;
use crate::store::Store;

/// `GET /livez`: the process answers.
pub(super) async fn live() -> &'static str {
    "ok"
}

/// `GET /readyz`: the store can be read and written. 503 says in words why not. The result of a check is repeated for a
/// second, so that probes do not load the store. What is set and cannot work is listed below `ok`: no restart, and no other
/// server of the installation, would change it.
pub(super) async fn ready(State(state): State<ApiState>) -> (StatusCode, String) {
    readiness(&state.store, &state.findings.current()).await
}

async fn readiness(store: &Store, findings: &[Finding]) -> (StatusCode, String) {
    match store.check().await {
        Ok(()) => {
            let lines = findings.iter().map(|finding| format!("\n{}: {}", finding.kind.as_str(), finding.message));
            (StatusCode::OK, format!("ok{}", lines.collect::<String>()))
        }
        Err(unready) => (StatusCode::SERVICE_UNAVAILABLE, unready.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::FindingKind;

    #[tokio::test]
    async fn readiness_is_503_in_words_when_nothing_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        assert_eq!(readiness(&store, &[]).await, (StatusCode::OK, "ok".to_owned()));
        let finding = Finding { kind: FindingKind::Budget, message: "it bounds nobody".to_owned() };
        let (status, words) = readiness(&store, &[finding]).await;
        assert_eq!((status, words.as_str()), (StatusCode::OK, "ok\nbudget: it bounds nobody"));
        store.break_for_test().await;
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        tokio::time::resume();
        let (status, words) = readiness(&store, &[]).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(words, "the store cannot be written: the disk is full");
    }
}
