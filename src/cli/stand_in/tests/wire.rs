//! The shapes on the wire: events, messages, usage, headers, the record.

use serde_json::{Value, json};

use super::harness::{Conversation, kinds, said, with_stand_in};

#[tokio::test]
async fn an_answer_streams_as_the_api_streams_it() {
    with_stand_in(async |harness| {
        let script = json!({
            "thinking": "hm", "text": "Hello there", "chunks": 4, "model": "claude-other",
            "usage": {"input_tokens": 7, "output_tokens": 42, "cache_read_input_tokens": 1000},
        });
        let events = harness.events(&Conversation::scripted(&script).streamed()).await;
        let block = ["content_block_start", "content_block_delta", "content_block_stop"];
        let expected = [
            &["message_start", "content_block_start", "ping"][..],
            &block[1..],
            &block,
            &["message_delta", "message_stop"],
        ];
        assert_eq!(kinds(&events), expected.concat());
        assert_eq!(said(&events, "thinking"), "hm");
        assert_eq!(said(&events, "text"), "Hello there");
        assert_eq!(events.iter().filter(|event| event["delta"]["type"] == "text_delta").count(), 4);
        let start = &events[0]["message"];
        assert_eq!((&start["model"], &start["stop_reason"]), (&json!("claude-other"), &Value::Null));
        assert_eq!(start["usage"]["input_tokens"], 7);
        assert_eq!(start["usage"]["output_tokens"], 1);
        let end = &events[events.len() - 2];
        assert_eq!(end["delta"]["stop_reason"], "end_turn");
        assert_eq!(end["usage"]["output_tokens"], 42);
        assert_eq!(end["usage"]["cache_read_input_tokens"], 1000);
    })
    .await;
}

#[tokio::test]
async fn a_tool_call_streams_its_input_as_json() {
    with_stand_in(async |harness| {
        let input = json!({"command": "echo 'ä' ".repeat(40)});
        let script = json!({"tools": [{"name": "Bash", "input": input}]});
        let events = harness.events(&Conversation::scripted(&script).streamed()).await;
        let block = &events[1]["content_block"];
        assert_eq!((&block["name"], &block["input"]), (&json!("Bash"), &json!({})));
        assert_eq!(serde_json::from_str::<Value>(&said(&events, "partial_json")).unwrap(), input);
        assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
    })
    .await;
}

#[tokio::test]
async fn the_same_answer_comes_as_one_message_without_a_stream() {
    with_stand_in(async |harness| {
        let script = json!({"text": "Hello", "usage": {"output_tokens": 3}, "stop_reason": "refusal"});
        let message = harness.message(&Conversation::scripted(&script)).await;
        assert_eq!(message["content"], json!([{"type": "text", "text": "Hello"}]));
        assert_eq!(message["stop_reason"], "refusal");
        assert_eq!((&message["model"], &message["usage"]["output_tokens"]), (&json!("claude-test-1"), &json!(3)));
    })
    .await;
}

#[tokio::test]
async fn a_huge_answer_arrives_whole() {
    with_stand_in(async |harness| {
        let script = json!({"text": "0123456789", "repeat_bytes": 3_000_000});
        let events = harness.events(&Conversation::scripted(&script).streamed()).await;
        assert_eq!(said(&events, "text").len(), 3_000_000);
        assert!(events.len() < 300, "deltas are large");
        assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "end_turn");
    })
    .await;
}

#[tokio::test]
async fn no_answer_takes_more_tokens_than_allowed() {
    with_stand_in(async |harness| {
        let script = json!({"text": "long", "usage": {"output_tokens": 1001}});
        let message = harness.message(&Conversation::scripted(&script)).await;
        assert_eq!(message["usage"]["output_tokens"], 1000);
        assert_eq!(message["stop_reason"], "max_tokens");
    })
    .await;
}

#[tokio::test]
async fn responses_carry_what_a_gateway_must_not_pass_on() {
    with_stand_in(async |harness| {
        let script = json!({"headers": {"x-extra": "1"}});
        let response = harness.send(&Conversation::scripted(&script).streamed()).await;
        let headers = response.headers();
        assert!(headers["request-id"].to_str().unwrap().starts_with("req_"));
        assert!(headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        for name in ["set-cookie", "anthropic-ratelimit-requests-remaining", "x-extra"] {
            assert!(headers.contains_key(name), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_received_is_recorded_until_forgotten() {
    with_stand_in(async |harness| {
        assert_eq!(harness.request("HEAD", "/api/hello").await.status(), 200);
        assert_eq!(harness.request("GET", "/v1/unknown").await.status(), 404);
        harness.events(&Conversation::scripted(&json!({"chunks": 3})).streamed()).await;
        let recorded: Value = harness.request("GET", "/recorded").await.json().await.unwrap();
        let brief =
            |request: &Value| json!([request["seq"], request["method"], request["path"], request["answered_status"]]);
        let briefs: Vec<Value> = recorded.as_array().unwrap().iter().map(brief).collect();
        let expected = [
            json!([0, "HEAD", "/api/hello", 200]),
            json!([1, "GET", "/v1/unknown", 404]),
            json!([2, "POST", "/v1/messages?beta=true", 200]),
        ];
        assert_eq!(briefs, expected);
        let message = &recorded[2];
        assert_eq!(message["headers"]["x-api-key"], "sk-test");
        assert_eq!(message["body"]["model"], "claude-test-1");
        assert_eq!((&message["chunks_sent"], &message["finished"]), (&json!(3), &json!(true)));
        assert_eq!(message["client_gone"], false);
        assert_eq!(harness.request("DELETE", "/recorded").await.status(), 204);
        assert!(harness.stand_in.received().is_empty());
    })
    .await;
}
