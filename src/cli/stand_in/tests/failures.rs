//! Everything that can go wrong on purpose.

use serde_json::{Value, json};

use super::harness::{Conversation, events, kinds, said, with_stand_in};

#[tokio::test]
async fn an_error_comes_in_the_envelope_as_often_as_asked() {
    with_stand_in(async |harness| {
        let script = json!({
            "status": 429, "retry_after": 3, "error_message": "slow down", "times": 2, "headers": {"x-should-retry": "true"},
        });
        let conversation = Conversation::scripted(&script).streamed();
        for _ in 0..2 {
            let response = harness.send(&conversation).await;
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], "3");
            assert_eq!(response.headers()["x-should-retry"], "true");
            let request_id = response.headers()["request-id"].to_str().unwrap().to_owned();
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"], json!({"type": "rate_limit_error", "message": "slow down"}));
            assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!(request_id)));
        }
        assert_eq!(harness.send(&conversation).await.status(), 200);
        let elsewhere = conversation.with("metadata", json!({"user_id": "another conversation"}));
        assert_eq!(harness.send(&elsewhere).await.status(), 429);
    })
    .await;
}

#[tokio::test]
async fn a_chosen_call_of_the_turn_fails() {
    with_stand_in(async |harness| {
        let script = json!({"turns": 1, "status": 500, "at_call": 1});
        let conversation = Conversation::scripted(&script);
        let message = harness.message(&conversation).await;
        assert_eq!(message["stop_reason"], "tool_use");
        assert_eq!(harness.send(&conversation.goes_on(&message, "")).await.status(), 500);
    })
    .await;
}

#[tokio::test]
async fn an_error_in_the_middle_is_an_event_or_without_a_stream_a_status() {
    with_stand_in(async |harness| {
        let script = json!({"chunks": 5, "error_after_chunks": 2});
        let events = harness.events(&Conversation::scripted(&script).streamed()).await;
        assert_eq!(said(&events, "text"), "1\n2\n");
        let last = events.last().unwrap();
        assert_eq!((&last["type"], &last["error"]["type"]), (&json!("error"), &json!("overloaded_error")));
        assert_eq!(harness.send(&Conversation::scripted(&script)).await.status(), 529);
    })
    .await;
}

#[tokio::test]
async fn a_cut_breaks_the_connection_after_what_was_sent() {
    with_stand_in(async |harness| {
        for (after, text) in [(0, ""), (2, "1\n2\n"), (99, "1\n2\n3\n4\n5\n")] {
            let script = json!({"chunks": 5, "cut_after_chunks": after});
            let mut response = harness.send(&Conversation::scripted(&script).streamed()).await;
            let mut body = Vec::new();
            let broken = loop {
                match response.chunk().await {
                    Ok(Some(bytes)) => body.extend(bytes),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            let events = events(std::str::from_utf8(&body).unwrap());
            assert!(broken, "the body does not end as if it were complete");
            assert_eq!(said(&events, "text"), text);
            assert!(!kinds(&events).contains(&"message_delta"));
        }
        let script = json!({"text": "half", "cut_after_chunks": 0});
        assert!(harness.send(&Conversation::scripted(&script)).await.bytes().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    with_stand_in(async |harness| {
        let stalled = json!({"chunks": 5, "stall_after_chunks": 3});
        let slow = json!({"chunks": 1000, "chunk_delay_ms": 20});
        for (seq, script) in [stalled, slow].iter().enumerate() {
            let mut response = harness.send(&Conversation::scripted(script).streamed()).await;
            harness.stand_in.wait_until(|received| received[seq].chunks_sent >= 3).await;
            assert!(response.chunk().await.unwrap().is_some());
            assert!(!harness.stand_in.received()[seq].client_gone);
            drop(response);
            let received = harness.stand_in.wait_until(|received| received[seq].client_gone).await;
            assert!(!received[seq].finished);
            assert_eq!(received[seq].answered_status, Some(200));
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_script_or_request_is_refused_with_the_reason() {
    with_stand_in(async |harness| {
        let wrong = [
            ("@stand-in {\"txt\": 1}", "unknown field `txt`"),
            ("@stand-in {\"text\":", "EOF"),
            ("@stand-in ", "missing"),
            ("@stand-in {\"status\": 200}", "not an error"),
            ("@stand-in {\"status\": 500, \"cut_after_chunks\": 1}", "only one of"),
            ("@stand-in {\"times\": 2}", "need a failure"),
            ("@stand-in {\"tools\": [{\"tool\": 1}]}", "a step of `tools`"),
            ("@stand-in {\"chunks\": 2, \"count\": [1, 2]}", "exclude"),
            ("@stand-in {\"headers\": {\"a b\": \"\"}}", "HTTP"),
            ("<system-reminder>only</system-reminder>", "no user message"),
        ];
        for (prompt, reason) in wrong {
            let response = harness.send(&Conversation::new(prompt)).await;
            assert_eq!(response.status(), 400);
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"]["type"], "invalid_request_error");
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains(reason), "{prompt}: {message}");
        }
        let response = harness.send(&Conversation::new("hi").with("max_tokens", json!("many"))).await;
        assert_eq!(response.status(), 400);
    })
    .await;
}

#[tokio::test]
async fn hundreds_are_answered_at_once() {
    with_stand_in(async |harness| {
        let script = json!({"chunks": 20, "chunk_delay_ms": 20});
        let conversation = Conversation::scripted(&script).streamed();
        let answers = futures_util::future::join_all((0..300).map(|_| harness.events(&conversation))).await;
        assert!(answers.iter().all(|events| events.last().unwrap()["type"] == "message_stop"));
        assert_eq!(harness.stand_in.received().len(), 300);
    })
    .await;
}
