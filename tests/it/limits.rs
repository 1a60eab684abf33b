//! What ends a turn that does not end by itself, and what its tenant is told.

use serde_json::json;

use crate::harness::{Server, bash, eventually, sandboxes, script, tool_results};

#[tokio::test]
async fn a_model_that_says_nothing_for_too_long_ends_the_turn() {
    let server =
        Server::start_with(&[("session.silence_timeout_ms", "1500"), ("gateway.drain_timeout_ms", "100")]).await;
    let tenant = server.tenant("acme").await;
    // It speaks for longer than the limit before it falls silent, so that the limit is one of silence.
    let stalls = script(&json!({"chunks": 9, "chunk_delay_ms": 300, "stall_after_chunks": 7}));
    let status = tenant.run(&json!({"prompt": stalls})).await;
    assert_eq!(status["status"], "error");
    assert_eq!(status["error"], "Nothing was heard of the agent for 1.5s; it was stopped");
    let call = server.stand_in.wait_until(|received| received.iter().any(|call| call.client_gone)).await;
    assert!(call.iter().any(|call| call.chunks_sent == 7), "it was stopped before it was silent");
}

#[tokio::test]
async fn a_turn_and_a_sandbox_have_their_time() {
    for (setting, text) in [
        ("session.turn_timeout_ms", "The turn took longer than 1.5s; it was stopped"),
        ("session.total_timeout_ms", "The session ran longer than 1.5s; it was stopped"),
    ] {
        let server = Server::start_with(&[(setting, "1500")]).await;
        let tenant = server.tenant("acme").await;
        let session = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
        let status = tenant.finish(&session).await;
        assert_eq!((&status["status"], &status["error"]), (&json!("error"), &json!(text)));
        eventually(async || sandboxes(&session).await.is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn a_tool_that_takes_all_memory_dies_and_the_agent_goes_on() {
    let server = Server::start_with(&[("sandbox.memory_bytes", "536870912")]).await;
    let tenant = server.tenant("acme").await;
    let quiet = tenant.run_freely(&bash("true")).await;
    assert!(quiet.get("out_of_memory_kills").is_none(), "{quiet}");
    let session = quiet["session_id"].as_str().unwrap();
    let hungry = bash("python3 -c 'x = bytearray(2 << 30)'; echo code $?");
    for (prompt, kills) in [(hungry, json!(1)), (bash("true"), json!(null))] {
        let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions", "resume_session_id": session});
        let status = tenant.run(&body).await;
        assert_eq!(status["status"], "completed", "{status}");
        assert_eq!(status["out_of_memory_kills"], kills, "{status}");
        let killed = tool_results(&status).iter().filter(|result| result.ends_with("code 137")).count();
        assert_eq!(killed, 1, "{status}");
    }
}

#[tokio::test]
async fn an_agent_that_is_killed_by_its_own_tool_is_an_error_that_says_so() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let status = tenant.run_freely(&bash("kill -9 $PPID; kill -9 $(pgrep -x claude)")).await;
    assert_eq!(status["status"], "error");
    assert_eq!(status["error"], "The agent was killed by signal 9 before it answered");
}

#[tokio::test]
async fn a_sandbox_has_as_much_scratch_space_as_it_was_given() {
    let server =
        Server::start_with(&[("sandbox.scratch_bytes", "16777216"), ("sandbox.scratch_inodes", "20000")]).await;
    let tenant = server.tenant("acme").await;
    // Told once there is room again, because the agent keeps what its tools say in the scratch space too.
    let fill = "complaint=$(head -c 33554432 /dev/zero 2>&1 >/tmp/big); size=$(stat -c %s /tmp/big); rm /tmp/big; \
        echo \"$complaint\"; echo \"$size\"";
    let status = tenant.run_freely(&bash(fill)).await;
    let results = tool_results(&status);
    let [said] = results.as_slice() else { panic!("{status}") };
    let (complaint, size) = said.split_once('\n').unwrap();
    assert!(complaint.contains("No space left"), "{said}");
    assert!(size.parse::<u64>().unwrap() <= 16_777_216, "{said}");
    let status = tenant.run_freely(&bash("stat --file-system --format %c /tmp /home/agent /dev/shm")).await;
    assert_eq!(tool_results(&status), ["20000\n20000\n20000"], "files are not bounded");
}
