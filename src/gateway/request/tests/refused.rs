//! Requests that are refused, each with its place in the request and what to do.

use serde_json::{Value, json};

use super::{Granted, blocks, call, read, read_by, tools};

fn source(kind: &str, source: &Value) -> Value {
    blocks(&json!([{"type": "text", "text": "a"}, {"type": kind, "source": source}]))
}

/// Each request is refused with its place in the request and these words.
fn assert_refused(cases: &[(Value, &str, &str)]) {
    for (body, place, words) in cases {
        let refused = read(body).unwrap_err();
        assert!(refused.contains(place) && refused.contains(words), "{body}\n{refused}");
    }
}

/// A document that the provider would fetch.
fn far_away() -> Value {
    json!({"type": "url", "url": "https://evil.example.com/a.pdf"})
}

#[test]
fn fields_that_are_not_on_the_list_are_refused() {
    assert_refused(&[
        (call(&json!({"brand_new": 1})), "`brand_new`", "is not on the list"),
        (call(&json!({"fallbacks": "default"})), "`fallbacks`", "is not on the list"),
        (call(&json!({"thread": {"type": "continue"}})), "`thread`", "remove it"),
        (
            call(&json!({"mcp_servers": [{"type": "url", "url": "https://a.example"}]})),
            "`mcp_servers`",
            "as often as it likes",
        ),
        (call(&json!({"mcp_servers": []})), "`mcp_servers`", "remove it"),
        (call(&json!({"container": "c_1"})), "`container`", "stored with the provider"),
        (call(&json!({"speed": "fast"})), "`speed`", "`standard`"),
        (call(&json!({"inference_geo": "us"})), "`inference_geo`", "`global`"),
        (call(&json!({"service_tier": "flex"})), "`service_tier`", "`auto` or `standard_only`"),
        (call(&json!({"max_tokens": -1})), "`max_tokens`", "whole number"),
        (call(&json!({"max_tokens": 1.5})), "`max_tokens`", "whole number"),
        (call(&json!({"max_tokens": "9"})), "`max_tokens`", "whole number"),
    ]);
}

#[test]
fn values_that_have_no_price_are_refused_by_their_place() {
    assert_refused(&[
        (
            call(&json!({"thinking": {"type": "enabled", "budget_tokens": -5}})),
            "`thinking.budget_tokens`",
            "whole number",
        ),
        (call(&json!({"thinking": {"type": "x", "more": 1}})), "`thinking.more`", "is not on the list"),
        (call(&json!({"messages": "Hi"})), "`messages`", "a list"),
        (call(&json!({"messages": [{"role": "tool"}]})), "`messages[0].role`", "`user`"),
        (call(&json!({"messages": [{"role": "user", "name": "x"}]})), "`messages[0].name`", "is not on the list"),
        (
            call(&json!({"system": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]})),
            "`system[0].source.type`",
            "stored",
        ),
        (call(&json!({"cache_control": {"type": "ephemeral", "ttl": "1d"}})), "`cache_control.ttl`", "`5m` or `1h`"),
        (
            call(&json!({"context_management": {"edits": [{"type": "brand_new"}]}})),
            "`context_management.edits[0].type`",
            "edits",
        ),
        (call(&json!({"output_config": {"effort": "low", "x": 1}})), "`output_config.x`", "is not on the list"),
        (
            call(
                &json!({"output_config": {"format": {"type": "json_schema", "schema": {"$ref": "https://a.example"}}}}),
            ),
            "`output_config.format.schema`",
            "`$ref`",
        ),
    ]);
}

#[test]
fn sources_that_are_not_on_the_list_are_refused() {
    let url = far_away();
    assert_refused(&[
        (source("document", &url), "`messages[0].content[1].source.url`", "`evil.example.com:443`"),
        (source("image", &url), "`messages[0].content[1].source.url`", "egress policy"),
        (source("image", &json!({"type": "url", "url": "http://a.example.com/"})), "source.url`", "https"),
        (source("image", &json!({"type": "url", "url": "https://10.0.0.1/"})), "source.url`", "name of a host"),
        (
            source("image", &json!({"type": "url", "url": "https://u:p@a.example.com/"})),
            "source.url`",
            "without a user",
        ),
        (
            source("document", &json!({"type": "file", "file_id": "f_1"})),
            "`messages[0].content[1].source.type`",
            "send the content itself",
        ),
        (
            source("document", &json!({"type": "brand_new"})),
            "`messages[0].content[1].source.type`",
            "send the content itself",
        ),
        (
            source("document", &json!({"type": "base64", "media_type": "text/html", "data": ""})),
            "source.media_type`",
            "application/pdf",
        ),
        (
            source("image", &json!({"type": "base64", "media_type": "image/svg+xml", "data": ""})),
            "source.media_type`",
            "image/png",
        ),
        (
            source("image", &json!({"type": "base64", "media_type": "image/png", "data": "", "url": "x"})),
            "source.url`",
            "is not on the list",
        ),
        (source("image", &json!({"type": "text", "data": "x"})), "source.type`", "is not on the list"),
    ]);
}

#[test]
fn blocks_that_are_not_on_the_list_are_refused() {
    let deep = (0..9).fold(json!("a"), |content, _| json!([{"type": "tool_result", "content": content}]));
    let url = far_away();
    assert_refused(&[
        (
            blocks(&json!([{"type": "container_upload", "file_id": "f"}])),
            "`messages[0].content[0]`",
            "stored with the provider",
        ),
        (blocks(&json!([{"type": "brand_new"}])), "`messages[0].content[0].type`", "remove the block"),
        (blocks(&json!([{"text": "x"}])), "`messages[0].content[0].type`", "is missing"),
        (
            blocks(&json!([{"type": "tool_result", "content": [{"type": "document", "source": url}]}])),
            "`messages[0].content[0].content[0].source.url`",
            "grant",
        ),
        (
            blocks(
                &json!([{"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": url}]}}]),
            ),
            "source.content[0].source.url`",
            "grant",
        ),
        (
            blocks(
                &json!([{"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"type": "web_fetch_20250910"}}}]),
            ),
            "tool.definition.type`",
            "web_fetch",
        ),
        (blocks(&deep), "content", "nested deeper"),
    ]);
}

#[test]
fn tools_that_are_not_on_the_list_are_refused() {
    assert_refused(&[
        (
            tools(&json!([{"type": "web_fetch_20250910", "name": "w", "max_uses": 1}])),
            "`tools[0].type`",
            "remove the tool",
        ),
        (tools(&json!([{"type": "code_execution_20250825", "name": "c"}])), "`tools[0].type`", "list of tools"),
        (tools(&json!([{"type": "advisor_20260301", "name": "a"}])), "`tools[0].type`", "list of tools"),
        (tools(&json!([{"type": "mcp_toolset", "mcp_server_name": "m"}])), "`tools[0].type`", "as often as it likes"),
        (tools(&json!([{"type": "bash_20991231", "name": "b"}])), "`tools[0].type`", "list of tools"),
        (tools(&json!([{"name": "T", "input_schema": {}, "url": "x"}])), "`tools[0].url`", "is not on the list"),
        (
            tools(&json!([{"name": "T", "input_schema": {"$ref": "x.json"}}])),
            "`tools[0].input_schema`",
            "begin `$ref` with `#`",
        ),
        (
            tools(&json!([{"type": "web_search_20250305", "name": "w", "max_uses": 1}])),
            "`tools[0]`",
            "egress.web_search",
        ),
    ]);
}

#[test]
fn a_search_needs_the_tool_and_a_bound() {
    let granted = Granted { web_search: true, ..Granted::default() };
    let refused = |tool: Value, granted: Granted<'_>| {
        read_by(tools(&json!([tool])).to_string().as_bytes(), granted).0.unwrap_err()
    };
    let search = |uses: Value| json!({"type": "web_search_20250305", "name": "w", "max_uses": uses});
    assert!(refused(search(json!(null)), granted).contains("`tools[0].max_uses` is missing"));
    for many in [json!(101), json!(u64::MAX)] {
        assert!(refused(search(many), granted).contains("100 times at most"));
    }
    for odd in [json!(-1), json!(1.0), json!("1")] {
        assert!(refused(search(odd), granted).contains("whole number"));
    }
    let without = Granted { tools: Some(&["Bash"]), ..granted };
    assert!(refused(search(json!(1)), without).contains("`WebSearch`"));
    let twice = tools(&json!([search(json!(60)), search(json!(60))]));
    assert!(read_by(twice.to_string().as_bytes(), granted).0.unwrap_err().contains("`tools[1].max_uses`"));
}

#[test]
fn a_host_that_is_not_granted_is_named() {
    let body = source("document", &json!({"type": "url", "url": "https://Evil.example.com:8443/a"})).to_string();
    let granted = Granted { hosts: &["evil.example.com:443"], ..Granted::default() };
    let (read, denied) = read_by(body.as_bytes(), granted);
    assert!(read.unwrap_err().contains("`evil.example.com:8443`"));
    let denied = denied.unwrap();
    assert_eq!((denied.host.as_str(), denied.port), ("evil.example.com", 8443));
}

#[test]
fn a_key_is_there_once_however_it_is_spelled() {
    for (body, place) in [
        (r#"{"model":"claude-opus-5-5","model":"claude-haiku-5-5"}"#, "duplicate field `model`"),
        (r#"{"model":"claude-opus-5-5","max_tokens":1,"m\u0061x_tokens":9}"#, "duplicate field `max_tokens`"),
        (
            r#"{"model":"claude-opus-5-5","messages":[{"role":"user","content":[{"type":"text","typ\u0065":"image"}]}]}"#,
            "`messages[0].content[0]`: duplicate field `type`",
        ),
        (
            r#"{"model":"claude-opus-5-5","cache_control":{"ttl":"5m","ttl":"1h"}}"#,
            "`cache_control`: duplicate field `ttl`",
        ),
        (
            r#"{"model":"claude-opus-5-5","tools":[{"type":"custom","type":"web_search_20250305"}]}"#,
            "`tools[0]`: duplicate field `type`",
        ),
    ] {
        let refused = read_by(body.as_bytes(), Granted::default()).0.unwrap_err();
        assert!(refused.contains(place), "{refused}");
    }
}

#[test]
fn a_tool_s_input_may_be_nested_deep_but_not_without_end() {
    let nested = |depth: usize| {
        let input = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let block = format!(r#"{{"type":"tool_use","id":"t","name":"T","input":{{"a":{input}}}}}"#);
        let body = format!(
            r#"{{"model":"claude-opus-5-5","max_tokens":1,"messages":[{{"role":"assistant","content":[{block}]}}]}}"#
        );
        read_by(body.as_bytes(), Granted::default()).0.map(|asked| asked.steps)
    };
    assert_eq!([1, 150, 900].map(nested), [Ok(1), Ok(1), Ok(1)]);
    for depth in [1_000, 100_000] {
        let refused = nested(depth).unwrap_err();
        assert!(refused.contains("`messages[0].content[0].input` is nested deeper than 1000"), "{refused}");
    }
}

#[test]
fn a_tenant_s_models_are_the_only_ones() {
    let body = call(&json!({})).to_string();
    let verdict = |models: &[&str]| {
        read_by(body.as_bytes(), Granted { models: Some(models), ..Granted::default() }).0.map(|asked| asked.steps)
    };
    assert_eq!(verdict(&["claude-sonnet-5-5-20260101"]), Ok(1));
    let refused = verdict(&["claude-haiku-5-5"]).unwrap_err();
    assert_eq!(refused, "the model `claude-sonnet-5-5` is not allowed for this tenant; allowed are: claude-haiku-5-5");
}
