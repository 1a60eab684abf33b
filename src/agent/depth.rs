//! How deep a stored line may be nested.

/// The deepest nesting of a stored line. The agent itself fails at about ten times as much; readers of the API with a
/// recursive parser fail earlier, and are given what the agent wrote all the same.
pub(super) const MAX_DEPTH: usize = 10_000;

/// Replaces by `null` every array and object of `json` that is nested deeper than `max`. Returns the text and the
/// number of bytes that were replaced; `None` when nothing was. `json` is valid.
pub(super) fn cut_below(json: &str, max: usize) -> Option<(String, u64)> {
    let (mut kept, mut lost_bytes) = (String::new(), 0);
    let (mut depth, mut copied, mut cut_at) = (0_usize, 0, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for (at, byte) in json.bytes().enumerate() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth == max + 1 {
                    kept.push_str(&json[copied..at]);
                    kept.push_str("null");
                    cut_at = at;
                }
            }
            b']' | b'}' => {
                if depth == max + 1 {
                    copied = at + 1;
                    lost_bytes += (copied - cut_at) as u64;
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    (lost_bytes > 0).then(|| {
        kept.push_str(&json[copied..]);
        (kept, lost_bytes)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_what_is_too_deep_is_replaced() {
        let cut = |json| cut_below(json, 2);
        assert_eq!(cut(r#"{"a":[1,"[[[{"],"b":{}}"#), None);
        assert_eq!(cut(r#"{"a":[1,[2]],"b":[{"c":[]}]}"#), Some((r#"{"a":[1,null],"b":[null]}"#.to_owned(), 11)));
        assert_eq!(cut(r#"[["\"",["\\"],"]"]]"#), Some((r#"[["\"",null,"]"]]"#.to_owned(), 6)));
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), ".*".prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".*", inner), 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_cut_text_is_valid_and_no_deeper_than_allowed(value in json(), max in 1_usize..6) {
            match cut_below(&value.to_string(), max) {
                None => prop_assert!(depth(&value) <= max),
                Some((cut, lost_bytes)) => {
                    prop_assert!(depth(&value) > max && lost_bytes > 0);
                    prop_assert!(depth(&serde_json::from_str(&cut).unwrap()) <= max);
                }
            }
        }
    }
}
