//! A hostile tenant does everything at once, and an honest one does not notice: nothing dies, nothing is refused, memory is bounded.
//!
//! The long form with its figures is `benches/abuse.rs`.

mod attacks;

use std::sync::Arc;

use serde_json::json;

use crate::harness::{Server, bash};
use crate::process::Run;
use attacks::Target;

/// Sessions that the honest tenant runs during the abuse.
const HONEST_SESSIONS: usize = 4;

/// What the server may take of memory at its peak, in KiB.
const MAX_MEMORY_KIB: u64 = 2 << 20;

#[tokio::test]
async fn an_honest_tenant_works_on_while_another_attacks() {
    let server = Server::start_as(
        Run { max_open_files: Some(1_024), ..Run::default() },
        &[("session.max_running", "6"), ("log.filter", "info")],
    )
    .await;
    let hostile = server.tenant("hostile").await;
    let honest = server.tenant("honest").await;
    server.command(&["limits", "set", "hostile", "max_running=4"]).await;
    let counting = json!({"prompt": "Please count from 1 to 100000", "model": "claude-haiku-4-5"});
    let session = hostile.start(&counting).await;
    hostile.status_when(&session, |status| status["status"] == "running").await;
    let target = Target {
        public: server.url.trim_start_matches("http://").to_owned(),
        operator: server.operator_url.trim_start_matches("http://").to_owned(),
        key: hostile.key.clone(),
        root: hostile.root.clone(),
        model_socket: server.data.path().join(format!("sandboxes/{session}-1/sockets/model.sock")),
        http: reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap(),
    };
    let attacks = attacks::begin(&Arc::new(target));
    for number in 0..HONEST_SESSIONS {
        let body = json!({"prompt": bash(&format!("echo {number} > done")), "permission_mode": "bypassPermissions"});
        let status = honest.run(&body).await;
        assert_eq!(status["status"], "completed", "{status}");
        assert_eq!(std::fs::read_to_string(honest.root.join("done")).unwrap(), format!("{number}\n"));
        let (code, me) = honest.get("/v1/me").await;
        assert_eq!(code, 200, "{me}");
    }
    drop(attacks);
    let status = server.process_status();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let memory: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(memory < MAX_MEMORY_KIB, "{memory} KiB");
}
