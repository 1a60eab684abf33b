//! Requests that are accepted, each with exactly what is held for its input.

use serde_json::{Value, json};

use super::{Granted, blocks, call, image, pdf, png, read, read_by, tools};
use crate::domain::Ask;

/// Pico-dollars for a token of input, of input that is cached for five minutes or an hour, and of output.
const INPUT: u128 = 2_000_000;
const MINUTES: u128 = 2_500_000;
const HOUR: u128 = 4_000_000;
const OUTPUT: u64 = 10_000_000;

/// The model's context window.
const CONTEXT: u128 = 1_000_000;

/// A token a byte, and what the provider adds by itself.
fn bytes(body: &Value) -> u128 {
    2_000 + body.to_string().len() as u128
}

fn ask(body: &Value) -> Ask {
    read(body).unwrap_or_else(|refused| panic!("{body}: {refused}")).ask
}

#[test]
fn text_is_held_at_a_token_a_byte() {
    let long = "x".repeat(5_000);
    for body in [
        call(&json!({})),
        call(&json!({"messages": []})),
        call(&json!({"messages": [{"role": "user", "content": "Hi"}], "stream": true, "temperature": 1, "top_k": 5})),
        call(&json!({"messages": [{"role": "system", "content": long}], "system": "Be brief."})),
        call(&json!({"system": [{"type": "text", "text": "\u{fc}\u{20ac}\u{1f600}"}], "stop_sequences": ["END"]})),
        call(&json!({"output_config": {"effort": "high"}, "thinking": {"type": "adaptive", "display": "updates"}})),
        blocks(
            &json!([{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "redacted_thinking", "data": "eA=="}]),
        ),
        blocks(&json!([{"type": "tool_result", "tool_use_id": "t", "content": "ok", "is_error": false}])),
        blocks(&json!([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "ok"}]}])),
        blocks(
            &json!([{"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": long}}]),
        ),
        blocks(
            &json!([{"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}}]),
        ),
        blocks(
            &json!([{"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "a"}]}]),
        ),
        blocks(&json!([{"type": "compaction", "content": "So far."}])),
    ] {
        let expected =
            Ask { input_picos: bytes(&body) * INPUT, output_picos: OUTPUT, max_tokens: 1_000, least_tokens: 1_000 };
        assert_eq!(ask(&body), expected, "{body}");
    }
}

#[test]
fn what_may_be_written_as_json_again_is_held_with_its_spaces_and_escapes() {
    let used = |input: Value| blocks(&json!([{"type": "tool_use", "id": "t", "name": "T", "input": input}]));
    for (more, body) in [
        (1, call(&json!({"metadata": {"user_id": "u"}, "service_tier": "auto", "speed": "standard"}))),
        (3, call(&json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}))),
        (3, call(&json!({"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}))),
        (1, call(&json!({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}))),
        (2, used(json!({"a": [1, 2]}))),
        (1 + 4 + 3 + 8, used(json!({"a": "\u{fc}\u{20ac}\u{1f600}"}))),
        (1 + 22, used(json!({"a": 0.5}))),
    ] {
        assert_eq!(ask(&body).input_picos, (bytes(&body) + more) * INPUT, "{body}");
    }
}

#[test]
fn caching_is_held_at_its_price_wherever_it_is_asked_for() {
    for (control, price) in [
        (json!({"type": "ephemeral"}), MINUTES),
        (json!({"type": "ephemeral", "ttl": "5m", "scope": "global"}), MINUTES),
        (json!({"type": "ephemeral", "ttl": "1h"}), HOUR),
    ] {
        for body in [
            call(&json!({"cache_control": control})),
            call(&json!({"system": [{"type": "text", "text": "a", "cache_control": control}]})),
            blocks(&json!([{"type": "text", "text": "a", "cache_control": control}])),
            blocks(
                &json!([{"type": "tool_result", "content": [{"type": "text", "text": "a", "cache_control": control}]}]),
            ),
            tools(&json!([{"name": "T", "input_schema": {}, "cache_control": control}])),
        ] {
            // A schema is written as JSON again, but this one is empty.
            assert_eq!(ask(&body).input_picos, bytes(&body) * price, "{body}");
        }
    }
    let mentioned = blocks(&json!([{"type": "text", "text": "\"cache_control\" \"1h\""}]));
    assert_eq!(ask(&mentioned).input_picos % INPUT, 0);
    assert!(ask(&mentioned).input_picos < bytes(&mentioned) * MINUTES);
}

#[test]
fn an_image_is_held_at_its_pixels() {
    for (width, height, tokens) in [(447, 447, 267), (1, 1, 1), (2_000, 2_000, 4_784), (0, 9, 4_784)] {
        let data = png(width, height);
        let length = data.len() as u128;
        for body in [
            blocks(&json!([image(&data)])),
            blocks(&json!([{"type": "tool_result", "tool_use_id": "t", "content": [image(&data)]}])),
        ] {
            let expected = (bytes(&body) - length - 2 + tokens + 16) * INPUT;
            let held = ask(&body).input_picos;
            assert!(held.abs_diff(expected) <= 2 * INPUT, "{width}x{height}: {held} and not {expected}");
        }
    }
    let small = ask(&blocks(&json!([image(&png(447, 447))]))).amount(1_000);
    assert!(small.as_nanos() < 20_000_000, "{small}");
}

#[test]
fn what_only_the_provider_can_measure_is_held_at_the_context_window_until_it_did() {
    let search = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []});
    let cited = json!({"type": "document", "citations": {"enabled": true},
        "source": {"type": "text", "media_type": "text/plain", "data": "a. b. c."}});
    for block in [pdf(300), pdf(14_000_000), search, cited] {
        let mut asked = read(&blocks(&json!([block]))).unwrap();
        assert!(asked.contents.must_be_counted());
        assert_eq!(asked.ask.input_picos, CONTEXT * INPUT);
        asked.bound_by(30_000, &crate::gateway::price_file::built_in().unwrap());
        assert_eq!(asked.ask.input_picos, (30_000 + 1_500 + 1_000) * INPUT);
        asked.bound_by(u64::MAX, &crate::gateway::price_file::built_in().unwrap());
        assert_eq!(asked.ask.input_picos, CONTEXT * INPUT);
    }
    let huge = blocks(&json!("x".repeat(1_100_000)));
    assert_eq!(ask(&huge).input_picos, CONTEXT * INPUT);
    assert!(!read(&huge).unwrap().contents.must_be_counted() && read(&huge).unwrap().contents.may_be_counted());
}

#[test]
fn tools_are_held_with_what_the_provider_says_of_them() {
    let custom = json!({"name": "T", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
        "strict": true, "defer_loading": false, "eager_input_streaming": true});
    let body = tools(&json!([custom]));
    let spaces = 5;
    assert_eq!(ask(&body).input_picos, (bytes(&body) + spaces) * INPUT);
    for kind in ["bash_20250124", "text_editor_20250728", "computer_20251124", "memory_20250818"] {
        let body = tools(&json!([{"type": kind, "name": "t"}]));
        assert_eq!(ask(&body).input_picos, (bytes(&body) + 10_000) * INPUT, "{kind}");
    }
    let mention = |count: usize| {
        let mentions = vec![json!({"type": "tool_reference", "tool_name": "T"}); count];
        let mut body = blocks(&json!([{"type": "tool_result", "content": mentions}]));
        body["tools"] = json!([{"name": "T", "description": "x".repeat(1_000), "input_schema": {}}]);
        ask(&body).input_picos / INPUT
    };
    assert!(mention(100) > mention(0) + 100 * 1_000);
}

#[test]
fn every_search_is_held_at_the_whole_context_it_may_fill() {
    let granted = Granted { web_search: true, ..Granted::default() };
    let searching = |uses: u64, granted: Granted<'_>| {
        let tool = json!({"type": "web_search_20250305", "name": "web_search", "max_uses": uses});
        read_by(tools(&json!([tool])).to_string().as_bytes(), granted).0
    };
    for uses in [0, 1, 8, 20] {
        let asked = searching(uses, granted).unwrap();
        let later = u128::from(uses) * (CONTEXT * INPUT + 10_000_000_000);
        assert_eq!((asked.later_picos, asked.steps), (later, uses + 1));
        assert_eq!(asked.ask.output_picos, OUTPUT * (uses + 1));
        assert!(asked.ask.input_picos > later + 12_000 * INPUT && asked.ask.input_picos < later + 13_000 * INPUT);
    }
    assert!(searching(1, Granted { tools: Some(&["Bash", "WebSearch"]), ..granted }).is_ok());
    let compacting = call(&json!({"context_management": {"edits": [{"type": "compact_20260112"}]}}));
    let expected = (bytes(&compacting) + 1) * 2 * INPUT;
    assert_eq!((ask(&compacting).input_picos, ask(&compacting).output_picos), (expected, 2 * OUTPUT));
}

#[test]
fn a_search_of_granted_hosts_needs_no_other_grant_and_is_recorded() {
    let tool =
        json!({"type": "web_search_20250305", "name": "w", "max_uses": 1, "allowed_domains": ["Docs.example.org"]});
    let body = tools(&json!([tool])).to_string();
    for (hosts, is_granted) in [
        (&["docs.example.org:443", "*.docs.example.org:443"][..], true),
        (&["*.example.org:443"], true),
        (&["docs.example.org:443"], false),
        (&["*.docs.example.org:443"], false),
        (&["*.example.org:80"], false),
    ] {
        let (read, denied) = read_by(body.as_bytes(), Granted { hosts, ..Granted::default() });
        assert_eq!(read.is_ok(), is_granted, "{hosts:?}");
        match read {
            Ok(asked) => assert_eq!(asked.contents.fetches[0].host, "docs.example.org"),
            Err(_) => assert_eq!(denied.unwrap().host, "docs.example.org"),
        }
    }
}

#[test]
fn what_is_fetched_from_a_granted_host_is_held_and_recorded() {
    let granted = Granted { hosts: &["files.example.org:443"], ..Granted::default() };
    let fetched = |kind: &str| {
        let source = json!({"type": "url", "url": "https://Files.example.org/a?b=c"});
        let body = blocks(&json!([{"type": kind, "source": source}])).to_string();
        read_by(body.as_bytes(), granted).0.unwrap()
    };
    assert_eq!(fetched("document").ask.input_picos, CONTEXT * INPUT);
    let image = fetched("image");
    assert!(image.ask.input_picos > 6_784 * INPUT && image.ask.input_picos < 7_100 * INPUT);
    assert_eq!((image.contents.fetches[0].host.as_str(), image.contents.fetches[0].port), ("files.example.org", 443));
    assert!(!fetched("document").contents.may_be_counted(), "what is fetched may change after the count");
}

#[test]
fn numbers_are_bounded_by_the_model_before_they_are_multiplied() {
    let limit = |max_tokens: &str| {
        let body = format!(r#"{{"model":"claude-sonnet-5-5","max_tokens":{max_tokens}}}"#);
        read_by(body.as_bytes(), Granted::default()).0.map(|asked| asked.ask)
    };
    for huge in ["128000", "128001", "18446744073709551615", "99999999999999999999999999"] {
        let ask = limit(huge).unwrap();
        assert_eq!((ask.max_tokens, ask.least_tokens), (128_000, 4_096), "{huge}");
        assert!(ask.amount(ask.max_tokens).as_nanos() < 1_300_000_000, "{huge}");
    }
    assert_eq!(limit("0").unwrap().max_tokens, 0);
    let thinking = |budget: u64| {
        let body = call(&json!({"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": budget}}));
        ask(&body).least_tokens
    };
    assert_eq!([10_000, 31_999, u64::MAX].map(thinking), [10_001, 32_000, 32_000]);
}
