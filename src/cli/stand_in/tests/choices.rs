//! Which answer a conversation is due.

use serde_json::{Value, json};

use super::harness::{Conversation, Harness, with_stand_in};

/// Plays a conversation until the model has no tool left to call: the tools it called, and what it said.
async fn play(harness: &Harness, mut conversation: Conversation, result: &str) -> (Vec<Value>, String, Conversation) {
    let mut called = Vec::new();
    loop {
        let message = harness.message(&conversation).await;
        let blocks = message["content"].as_array().unwrap().clone();
        called.extend(blocks.iter().filter(|block| block["type"] == "tool_use").cloned());
        conversation = conversation.goes_on(&message, result);
        if message["stop_reason"] != "tool_use" {
            let text = blocks.last().unwrap()["text"].as_str().unwrap().to_owned();
            return (called, text, conversation);
        }
    }
}

fn names(called: &[Value]) -> Vec<&str> {
    called.iter().filter_map(|call| call["name"].as_str()).collect()
}

#[tokio::test]
async fn a_script_takes_its_steps_in_order_and_starts_anew_with_the_next_prompt() {
    with_stand_in(async |harness| {
        let script = json!({
            "tools": [{"name": "Read", "input": {"file_path": "/a"}}, [{"name": "Bash"}, {"name": "Write"}]],
            "turns": 2, "text": "done", "usages": [{"input_tokens": 1}, {"input_tokens": 2}],
        });
        let (called, text, conversation) = play(&harness, Conversation::scripted(&script), "ok").await;
        assert_eq!(names(&called), ["Read", "Bash", "Write", "Bash", "Bash"]);
        assert_eq!(called[3]["input"]["command"], "true");
        assert_eq!(text, "done");
        let (called, text, _) = play(&harness, conversation.says("@stand-in {\"turns\": 1}"), "ok").await;
        assert_eq!((called.len(), text.starts_with("[scripted answer]")), (1, true));
        assert_eq!(harness.stand_in.received().len(), 5 + 2);
    })
    .await;
}

#[tokio::test]
async fn usage_follows_the_calls_of_the_turn() {
    with_stand_in(async |harness| {
        let script = json!({"turns": 2, "usages": [{"input_tokens": 1}, {"input_tokens": 2}]});
        let mut conversation = Conversation::scripted(&script);
        for expected in [1, 2, 2] {
            let message = harness.message(&conversation).await;
            assert_eq!(message["usage"]["input_tokens"], expected);
            conversation = conversation.goes_on(&message, "");
        }
    })
    .await;
}

#[tokio::test]
async fn remarks_of_the_agent_do_not_hide_the_prompt() {
    with_stand_in(async |harness| {
        let reminder =
            json!({"type": "text", "text": "<system-reminder>\n@stand-in {\"text\": \"no\"}\n</system-reminder>"});
        let conversation = Conversation::scripted(&json!({"text": "yes"}))
            .adds("user", json!([reminder]))
            .adds("system", json!("# Environment"));
        assert_eq!(play(&harness, conversation, "").await.1, "yes");
        let interrupted = Conversation::scripted(&json!({"text": "old"})).adds(
            "user",
            json!([{"type": "text", "text": "[Request interrupted by user]"}, {"type": "text", "text": "hi"}]),
        );
        assert!(play(&harness, interrupted, "").await.1.contains("\"hi\""));
    })
    .await;
}

#[tokio::test]
async fn a_tool_that_is_not_offered_is_named_instead_of_called() {
    with_stand_in(async |harness| {
        let script = json!({"tools": [{"name": "WebFetch"}], "text": "fetched"});
        let (called, text, _) = play(&harness, Conversation::scripted(&script), "").await;
        assert_eq!(called, [Value::Null; 0]);
        assert!(text.contains("WebFetch") && text.contains("not offer"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn prompts_without_a_script_get_answers_that_say_so() {
    with_stand_in(async |harness| {
        let (_, text, conversation) = play(&harness, Conversation::new("I am Ada."), "").await;
        assert!(text.starts_with("[scripted answer]") && text.contains("\"I am Ada.\""), "{text}");
        let (_, text, _) = play(&harness, conversation.says("What was my name again?"), "").await;
        assert!(text.starts_with("[scripted answer]") && text.contains("- \"I am Ada.\""), "{text}");

        let conversation = Conversation::new("Count from 1 to 3 please").with("max_tokens", json!(10));
        assert_eq!(play(&harness, conversation, "").await.1, "[scripted answer] 1\n2\n3\n");

        let environment = "# Environment\n - Primary working directory: /tmp/ws\n - Platform: linux";
        let conversation = Conversation::new("Create greet.sh and run it").adds("system", json!(environment));
        let (called, text, _) = play(&harness, conversation, "hello from the tool").await;
        assert_eq!(names(&called), ["Write", "Bash", "Read"]);
        assert_eq!(called[0]["input"]["file_path"], "/tmp/ws/greet.sh");
        assert!(text.contains("hello from the tool"), "{text}");

        let conversation = Conversation::new("Create a file").with("tools", json!([]));
        assert_eq!(play(&harness, conversation, "").await.0.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_agents_own_calls_do_not_run_scripts() {
    with_stand_in(async |harness| {
        let script = "@stand-in {\"status\": 500, \"times\": 1}";
        let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
        let title = Conversation::new(&format!("<session>\n{script}\n</session>"))
            .with("tools", json!([]))
            .with("system", json!("You are naming a coding session"));
        let as_json = Conversation::new(script)
            .with("tools", json!([]))
            .with("output_config", json!({"format": {"type": "json_schema", "schema": schema}}));
        assert_eq!(play(&harness, title, "").await.1, "Scripted answer");
        assert_eq!(play(&harness, as_json, "").await.1, "{\"title\":\"Scripted answer\"}");
        let conversation = Conversation::new(script);
        assert_eq!(harness.send(&conversation).await.status(), 500, "no failure was used up");

        let summary = conversation.says("Your task is to create a detailed summary of this conversation.");
        let message = harness.message(&summary).await;
        let text = message["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("<summary>") && !text.contains("@stand-in"), "{text}");
        assert_eq!(message["usage"]["input_tokens"], 20);
    })
    .await;
}
