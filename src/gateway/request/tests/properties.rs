//! Properties: a bound does not depend on spelling, and is never below the text.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Granted, call, read_by};

/// Any JSON, as a tool may be called with it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

/// A call that says and does anything.
fn any_call() -> impl Strategy<Value = Value> {
    let control = prop_oneof![
        Just(json!(null)),
        Just(json!({"type": "ephemeral"})),
        Just(json!({"type": "ephemeral", "ttl": "1h"}))
    ];
    (any::<String>(), any::<String>(), any_json(), control, 0..3_usize).prop_map(
        |(text, said, input, control, searches)| {
            let result =
                json!({"type": "tool_result", "content": [{"type": "text", "text": said, "cache_control": control}]});
            let used = json!({"type": "tool_use", "id": "t", "name": "T", "input": {"a": input}});
            let mut body = call(&json!({
                "system": [{"type": "text", "text": text}],
                "messages": [{"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}],
            }));
            if searches > 0 {
                body["tools"] = json!([{"type": "web_search_20250305", "name": "w", "max_uses": searches}]);
            }
            body
        },
    )
}

/// Writes `value` with escapes and spaces as `noise` has them.
fn spell(value: &Value, noise: &mut impl Iterator<Item = u8>, out: &mut String) {
    let mut next = || noise.next().unwrap_or_default();
    let space = [" ", "\n", "\t", "", ""][usize::from(next() % 5)];
    let text = |text: &str, next: &mut dyn FnMut() -> u8, out: &mut String| {
        out.push('"');
        for letter in text.chars() {
            if next().is_multiple_of(3) || letter < ' ' || matches!(letter, '"' | '\\') {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            } else {
                out.push(letter);
            }
        }
        out.push('"');
    };
    out.push_str(space);
    match value {
        Value::String(string) => text(string, &mut next, out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                spell(element, noise, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (key, field)) in fields.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                text(key, &mut || noise.next().unwrap_or_default(), out);
                out.push(':');
                spell(field, noise, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
    out.push_str(space);
}

/// Every byte of every text in `value`: as many tokens as a tokenizer of bytes would make of what is said.
fn text_bytes(value: &Value) -> u128 {
    match value {
        Value::String(text) => text.len() as u128,
        Value::Array(elements) => elements.iter().map(text_bytes).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() as u128 + text_bytes(value)).sum(),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn spelling_never_changes_a_bound(body in any_call(), noise in prop::collection::vec(any::<u8>(), 1..64)) {
        let granted = Granted { web_search: true, ..Granted::default() };
        let plain = read_by(body.to_string().as_bytes(), granted).0.unwrap();
        let mut spelled = String::new();
        spell(&body, &mut noise.iter().copied().cycle(), &mut spelled);
        let read = read_by(spelled.as_bytes(), granted).0.unwrap();
        prop_assert_eq!((read.ask, read.later_picos, read.steps), (plain.ask, plain.later_picos, plain.steps));
    }

    #[test]
    fn a_bound_is_never_below_the_text(body in any_call()) {
        let granted = Granted { web_search: true, ..Granted::default() };
        let asked = read_by(body.to_string().as_bytes(), granted).0.unwrap();
        let first = asked.ask.input_picos - asked.later_picos;
        prop_assert!(first >= text_bytes(&body) * 2_000_000);
        prop_assert!(asked.ask.input_picos >= u128::from(asked.steps) * text_bytes(&body) * 2_000_000);
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), json in any_json()) {
        let _ = read_by(&bytes, Granted::default());
        let _ = read_by(json.to_string().as_bytes(), Granted::default());
        let _ = read_by(call(&json!({"messages": json, "tools": [json], "system": json})).to_string().as_bytes(), Granted::default());
    }
}
