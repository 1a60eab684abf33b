//! Every fault of a request to execute, as it is told.

use super::{MAX_PROMPT_BYTES, read_json};

const NOT_TEXT: &str = "Input should be a valid string";
const NOT_UNICODE: &str = "Input should be a valid string, unable to parse raw data as a unicode string";
const NO_INTEGER: &str = "Input should be a valid integer, unable to parse string as an integer";
const OVERSIZE: &str = "Unable to parse input string as an integer, exceeded maximum size";
const NUL: &str = "Value error, NUL characters are not allowed here";

/// A fault as it is written: `loc` without `"body"`, `ctx` empty for none.
fn fault(kind: &str, loc: &str, msg: &str, input: &str, ctx: &str) -> String {
    let ctx = if ctx.is_empty() { String::new() } else { format!(r#","ctx":{ctx}"#) };
    format!(r#"{{"type":"{kind}","loc":["body",{loc}],"msg":"{msg}","input":{input}{ctx}}}"#)
}

async fn assert_faults(body: &str, faults: &[String]) {
    let detail = format!(r#"{{"detail":[{}]}}"#, faults.join(","));
    assert_eq!(read_json(body.as_bytes()).await, Err((422, detail)), "{body}");
}

/// Each row: the value of `field`, then kind, message and context of the fault it is.
async fn assert_field(field: &str, rows: &[(&str, &str, &str, &str)]) {
    for (value, kind, msg, ctx) in rows {
        let prompt = if field == "prompt" { "" } else { r#""prompt":"x","# };
        let body = format!(r#"{{{prompt}"{field}":{value}}}"#);
        assert_faults(&body, &[fault(kind, &format!("\"{field}\""), msg, value, ctx)]).await;
    }
}

#[tokio::test]
async fn of_the_prompt() {
    assert_faults("{}", &[fault("missing", r#""prompt""#, "Field required", "{}", "")]).await;
    assert_faults(r#"{"a":[1]}"#, &[fault("missing", r#""prompt""#, "Field required", r#"{"a":[1]}"#, "")]).await;
    let blank = "Value error, Prompt cannot be empty or whitespace only";
    let short = "String should have at least 1 character";
    assert_field(
        "prompt",
        &[
            (r#""""#, "string_too_short", short, r#"{"min_length":1}"#),
            (r#""  ""#, "value_error", blank, r#"{"error":{}}"#),
            (r#""\u001c\u3000""#, "value_error", blank, r#"{"error":{}}"#),
            ("5", "string_type", NOT_TEXT, ""),
            ("null", "string_type", NOT_TEXT, ""),
            (r#"{"b":1}"#, "string_type", NOT_TEXT, ""),
            (r#""\ud83d""#, "string_unicode", NOT_UNICODE, ""),
            (r#""\ude00\ud83d""#, "string_unicode", NOT_UNICODE, ""),
        ],
    )
    .await;
    let long = format!("\"{}\"", "é".repeat(MAX_PROMPT_BYTES / 2 + 1));
    let msg = "String should have at most 64 bytes";
    assert_field("prompt", &[(&long, "string_too_long", msg, r#"{"max_length":64}"#)]).await;
}

#[tokio::test]
async fn of_texts_that_are_too_long() {
    for (field, most) in
        [("system_prompt", 128), ("model", 1_024), ("cwd", 8_192), ("resume_session_id", 1_024), ("image", 1_024)]
    {
        let (long, msg) = (format!("\"{}\"", "x".repeat(most + 1)), format!("String should have at most {most} bytes"));
        let ctx = format!(r#"{{"max_length":{most}}}"#);
        assert_field(field, &[(&long, "string_too_long", &msg, &ctx)]).await;
        let body = format!(r#"{{"prompt":"x","{field}":"{}"}}"#, "x".repeat(most));
        assert!(read_json(body.as_bytes()).await.is_ok(), "{field}");
    }
    let msg = "Value error, this should have at most 65536 bytes in all";
    for field in ["allowed_tools", "disallowed_tools"] {
        let tool = format!("\"{}\"", "x".repeat(32_767));
        assert!(read_json(format!(r#"{{"prompt":"x","{field}":[{tool},{tool}]}}"#).as_bytes()).await.is_ok());
        let (status, answer) =
            read_json(format!(r#"{{"prompt":"x","{field}":[{tool},{tool},""]}}"#).as_bytes()).await.unwrap_err();
        assert!(status == 422 && answer.contains(msg) && answer.contains("not repeated"), "{answer}");
    }
    // `A=` and a NUL are counted with the value, as the kernel does.
    let env = |length: usize| format!(r#"{{"prompt":"x","env":{{"A":"{}"}}}}"#, "x".repeat(length));
    assert!(read_json(env(99_997).as_bytes()).await.is_ok());
    let (status, answer) = read_json(env(99_998).as_bytes()).await.unwrap_err();
    assert!(status == 422 && answer.contains("this should have at most 100000 bytes in all"), "{answer}");
    // However much an operator allows, the kernel starts no program with such a variable.
    let (_, answer) = read_json(env(131_070).as_bytes()).await.unwrap_err();
    assert!(answer.contains("this should have at most 131072 bytes in all"), "{answer}");
}

#[tokio::test]
async fn of_the_hosts_to_reach() {
    let msg = "Value error, `10.0.0.1:443` is no host to grant: give a name with its port, such as \
               `packages.example.com:443` or `*.example.org:443`, never an address";
    let body = r#"{"prompt":"x","egress_hosts":[1,"a.example.org:443","10.0.0.1:443"]}"#;
    let number = fault("string_type", r#""egress_hosts",0"#, NOT_TEXT, "1", "");
    let address = fault("value_error", r#""egress_hosts",2"#, msg, r#""10.0.0.1:443""#, r#"{"error":{}}"#);
    assert_faults(body, &[number, address]).await;
    assert_field("egress_hosts", &[("{}", "list_type", "Input should be a valid list", "")]).await;
}

#[tokio::test]
async fn of_the_permission_mode() {
    let modes = "'default', 'acceptEdits', 'plan' or 'bypassPermissions'";
    let (msg, ctx) = (format!("Input should be {modes}"), format!(r#"{{"expected":"{modes}"}}"#));
    for value in [r#""bad""#, r#""""#, r#""Plan""#, "1", "[]", "true"] {
        assert_field("permission_mode", &[(value, "enum", &msg, &ctx)]).await;
    }
}

#[tokio::test]
async fn of_the_turns() {
    let least = ("greater_than_equal", "Input should be greater than or equal to 1", r#"{"ge":1}"#);
    let most = ("less_than_equal", "Input should be less than or equal to 100", r#"{"le":100}"#);
    let huge = "9".repeat(400);
    let huge_text = format!("\"{}\"", "9".repeat(5_000));
    for (value, (kind, msg, ctx)) in [
        ("0", least),
        ("-5", least),
        ("false", least),
        (r#""-0""#, least),
        ("101", most),
        (&huge, most),
        (r#""9223372036854775808""#, most),
        ("1e18", most),
        (r#""abc""#, ("int_parsing", NO_INTEGER, "")),
        (r#""1.5""#, ("int_parsing", NO_INTEGER, "")),
        (r#""""#, ("int_parsing", NO_INTEGER, "")),
        (r#""\ud800""#, ("int_parsing", NO_INTEGER, "")),
        ("1e19", ("int_parsing_size", OVERSIZE, "")),
        (&huge_text, ("int_parsing_size", OVERSIZE, "")),
        ("1.5", ("int_from_float", "Input should be a valid integer, got a number with a fractional part", "")),
        ("1e400", ("finite_number", "Input should be a finite number", "")),
        ("[]", ("int_type", "Input should be a valid integer", "")),
        ("{}", ("int_type", "Input should be a valid integer", "")),
    ] {
        assert_field("max_turns", &[(value, kind, msg, ctx)]).await;
    }
}

#[tokio::test]
async fn of_the_tools() {
    for field in ["allowed_tools", "disallowed_tools"] {
        for value in [r#""x""#, "{}", "5"] {
            assert_field(field, &[(value, "list_type", "Input should be a valid list", "")]).await;
        }
        let body = format!(r#"{{"prompt":"x","{field}":["a",null,"b\u0000",[],"\ud800"]}}"#);
        let item = |place: usize| format!(r#""{field}",{place}"#);
        let faults = [
            fault("string_type", &item(1), NOT_TEXT, "null", ""),
            fault("value_error", &item(2), NUL, r#""b\u0000""#, r#"{"error":{}}"#),
            fault("string_type", &item(3), NOT_TEXT, "[]", ""),
            fault("string_unicode", &item(4), NOT_UNICODE, r#""\ud800""#, ""),
        ];
        assert_faults(&body, &faults).await;
    }
    let many = format!("[{}0]", "0,".repeat(1_500));
    let (_, detail) = read_json(format!(r#"{{"prompt":"x","allowed_tools":{many}}}"#).as_bytes()).await.unwrap_err();
    assert!(detail.contains("List should have at most 1000 items after validation, not 1501"));
    assert_eq!(detail.matches("string_type").count(), 1_000);
}

#[tokio::test]
async fn of_the_environment() {
    for value in ["[]", r#""x""#] {
        assert_field("env", &[(value, "dict_type", "Input should be a valid dictionary", "")]).await;
    }
    let name = "Value error, A variable's name is not empty and holds no '=' or NUL";
    let variable = |name: &str| format!(r#""env","{name}""#);
    let faults = [
        fault("string_type", &variable("Z"), NOT_TEXT, "null", ""),
        fault("string_type", &variable("B.c"), NOT_TEXT, "true", ""),
        fault("value_error", &variable("D"), NUL, r#""a\u0000""#, r#"{"error":{}}"#),
        fault("value_error", &variable(""), name, r#""x""#, r#"{"error":{}}"#),
        fault("value_error", &variable("E=F"), name, r#""x""#, r#"{"error":{}}"#),
        fault("string_unicode", &variable("G"), NOT_UNICODE, r#""\ud800""#, ""),
    ];
    let env = r#"{"Z":null,"B.c":true,"C":"ok","D":"a\u0000","":"x","E=F":"x","G":"\ud800"}"#;
    assert_faults(&format!(r#"{{"prompt":"x","env":{env}}}"#), &faults).await;
    let half = r#"{"\ud800":"x"}"#;
    assert_faults(
        &format!(r#"{{"prompt":"x","env":{half}}}"#),
        &[fault("string_unicode", r#""env""#, NOT_UNICODE, half, "")],
    )
    .await;
}

#[tokio::test]
async fn of_the_texts() {
    for field in ["model", "cwd", "system_prompt", "resume_session_id"] {
        for value in ["1", "1.5", "[]", "{}", "true"] {
            assert_field(field, &[(value, "string_type", NOT_TEXT, "")]).await;
        }
        assert_field(field, &[(r#""a\ud83d""#, "string_unicode", NOT_UNICODE, "")]).await;
    }
    for field in ["model", "system_prompt"] {
        assert_field(field, &[(r#""a\u0000b""#, "value_error", NUL, r#"{"error":{}}"#)]).await;
    }
}

#[tokio::test]
async fn are_told_all_at_once_in_the_order_of_the_fields() {
    let body = concat!(
        r#"{"resume_session_id":5,"disallowed_tools":{"a":1},"env":[],"max_turns":0,"cwd":3,"model":2,"#,
        r#""permission_mode":"z","system_prompt":4,"allowed_tools":"x","prompt":1}"#
    );
    let (status, detail) = read_json(body.as_bytes()).await.unwrap_err();
    assert_eq!(status, 422);
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    let fields: Vec<_> = detail["detail"].as_array().unwrap().iter().map(|fault| &fault["loc"][1]).collect();
    let order = [
        "prompt",
        "allowed_tools",
        "system_prompt",
        "permission_mode",
        "model",
        "cwd",
        "max_turns",
        "env",
        "disallowed_tools",
        "resume_session_id",
    ];
    assert_eq!(fields, order);
}

#[tokio::test]
async fn of_a_field_whose_name_is_half_a_character() {
    let (status, detail) = read_json(br#"{"\ud83d":3}"#).await.unwrap_err();
    assert_eq!(status, 422);
    assert!(detail.contains(r#""type":"string_unicode","loc":["body"]"#), "{detail}");
}

#[tokio::test]
async fn do_not_repeat_a_huge_input() {
    let huge = format!(r#"{{"prompt":["{}"]}}"#, "x".repeat(1_000_000));
    let (_, detail) = read_json(huge.as_bytes()).await.unwrap_err();
    assert!(detail.len() < 1_000 && detail.contains("(1000004 bytes, not repeated)"), "{detail}");
}
