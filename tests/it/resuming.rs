//! Going on with a session: the conversation is remembered, in a sandbox that never saw it.

use serde_json::json;

use crate::harness::{PLAIN_PROMPT, Server, bash, last_words};

#[tokio::test]
async fn a_resumed_session_remembers_what_was_said() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let first = tenant.run(&json!({"prompt": "My favourite bird is the heron"})).await;
    let session = first["session_id"].as_str().unwrap();
    let (status, body) =
        tenant.execute(&json!({"prompt": "What did I say before?", "resume_session_id": session})).await;
    assert_eq!(status.as_u16(), 200);
    assert_eq!(
        body,
        json!({"session_id": session, "status": "pending", "message": format!("Session {session} resumed successfully")})
    );
    let second = tenant.finish(session).await;
    assert_eq!(second["status"], "completed");
    assert!(last_words(&second).contains("My favourite bird is the heron"), "{}", last_words(&second));
    let (before, after) = (first["messages"].as_array().unwrap(), second["messages"].as_array().unwrap());
    assert_eq!(&after[..before.len()], before, "the messages of the first turn changed");
    assert_eq!(after.len(), 2 * before.len());
    assert_eq!(second["result"]["session_id"], session);
    let (_, list) = tenant.get("/sessions/").await;
    assert_eq!(list[0]["prompt"], "My favourite bird is the heron\n\n--- Session Resume ---\nWhat did I say before?");

    let third = json!({"prompt": "And what did I say first?", "resume_session_id": session});
    tenant.execute(&third).await;
    assert!(last_words(&tenant.finish(session).await).contains("heron"));
}

#[tokio::test]
async fn a_cancelled_session_is_resumed() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 2)).await;
    tenant.cancel(&session).await;
    let (status, body) =
        tenant.execute(&json!({"prompt": "What did I say before?", "resume_session_id": session})).await;
    assert_eq!(status.as_u16(), 200, "{body}");
    let status = tenant.finish(&session).await;
    assert_eq!(status["status"], "completed", "{status}");
    assert!(last_words(&status).contains("count from 1 to 1000"), "{}", last_words(&status));
}

#[tokio::test]
async fn of_two_resumes_at_once_one_is_taken() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let session = tenant.run(&json!({"prompt": PLAIN_PROMPT})).await["session_id"].as_str().unwrap().to_owned();
    for round in 0..5 {
        let body = |which| json!({"prompt": format!("round {round} {which}"), "resume_session_id": session});
        let (one, two) = (body("one"), body("two"));
        let (one, two) = tokio::join!(tenant.execute(&one), tenant.execute(&two));
        let mut statuses = [one.0.as_u16(), two.0.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{one:?} {two:?}");
        let refused = if one.0.as_u16() == 400 { one.1 } else { two.1 };
        assert_eq!(refused, json!({"detail": format!("Session {session} is currently running")}));
        assert_eq!(tenant.finish(&session).await["status"], "completed");
    }
}

#[tokio::test]
async fn what_cannot_be_resumed_is_refused_in_the_seed_s_words() {
    let server = Server::start_with(&[("session.max_running", "1")]).await;
    let tenant = server.tenant("acme").await;
    let resume = async |id: &str| tenant.execute(&json!({"prompt": "x", "resume_session_id": id})).await;
    for unknown in ["nothing", "00000000-0000-4000-8000-000000000000"] {
        let (status, body) = resume(unknown).await;
        assert_eq!((status.as_u16(), body), (400, json!({"detail": format!("Session {unknown} not found.")})));
    }
    let running = tenant.start(&json!({"prompt": "Please count from 1 to 1000"})).await;
    server.stand_in.wait_until(|received| received.iter().any(|call| call.chunks_sent > 0)).await;
    let (status, body) = resume(&running).await;
    assert_eq!((status.as_u16(), body), (400, json!({"detail": format!("Session {running} is currently running")})));
    let waiting = tenant.start(&json!({"prompt": "x"})).await;
    tenant.cancel(&waiting).await;
    let (status, body) = resume(&waiting).await;
    let detail = format!("Session {waiting} has no recorded Claude session ID. Cannot resume.");
    assert_eq!((status.as_u16(), body), (400, json!({"detail": detail})));
    tenant.cancel(&running).await;
}

#[tokio::test]
async fn a_session_stays_in_its_directory() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    for name in ["one", "two"] {
        std::fs::create_dir(tenant.root.join(name)).unwrap();
        let _ = std::os::unix::fs::chown(tenant.root.join(name), Some(20_001), Some(20_001));
    }
    let body = json!({"prompt": bash("touch here"), "permission_mode": "bypassPermissions", "cwd": "one"});
    let session = tenant.run(&body).await["session_id"].as_str().unwrap().to_owned();
    let resume = async |cwd: &str| {
        let prompt = bash("rm here; touch there");
        let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions", "resume_session_id": session});
        let body = if cwd.is_empty() {
            body
        } else {
            [("cwd", json!(cwd))].iter().fold(body, |mut body, (key, value)| {
                body[key] = value.clone();
                body
            })
        };
        tenant.execute(&body).await
    };
    let (status, body) = resume("two").await;
    assert_eq!(status.as_u16(), 400, "{body}");
    assert!(body["detail"].as_str().unwrap().contains("stays in its directory"), "{body}");
    assert_eq!(resume("").await.0.as_u16(), 200);
    assert_eq!(tenant.finish(&session).await["status"], "completed");
    assert!(tenant.root.join("one/there").exists() && !tenant.root.join("one/here").exists());
}
