//! JSON objects, read one level at a time: what is below stays text, so that no depth of nesting overflows a stack.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object in their order, each value as it was written. Of members with the same name the last
/// counts, as it does for the agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object; `None` when `json` is none.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The members in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The value of `name` as it was written.
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// The value of `name`, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    /// Whether the value of `name` is the string `expected`.
    pub(super) fn is(&self, name: &str, expected: &str) -> bool {
        self.text(name).is_some_and(|text| text == expected)
    }

    /// The value of `name`, if it is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    /// Whether the value of `name` is `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|value| value.get() == "true")
    }

    /// The members of the object `name`; none when it is no object.
    pub(super) fn object(&self, name: &str) -> Self {
        self.raw(name).and_then(|value| Self::read(value.get())).unwrap_or_default()
    }

    /// The elements of the array `name`; none when it is no array.
    pub(super) fn list(&self, name: &str) -> Vec<&'a RawValue> {
        self.raw(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }

    /// The value of `name`; `null` when it is absent or nested deeper than `serde_json` reads, which is 128.
    pub(super) fn value(&self, name: &str) -> Value {
        self.raw(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Members).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_member_of_a_name_counts() {
        let fields = Fields::read(r#"{"a":1,"b":"x","a":2}"#).unwrap();
        assert_eq!((fields.number("a"), fields.text("b").as_deref(), fields.iter().count()), (Some(2), Some("x"), 3));
    }

    #[test]
    fn values_of_any_depth_stay_text() {
        let deep = format!(r#"{{"a":{}1{},"b":true}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let fields = Fields::read(&deep).unwrap();
        assert_eq!(fields.raw("a").unwrap().get().len(), 200_001);
        assert_eq!((fields.flag("b"), fields.value("a")), (true, Value::Null));
    }

    #[test]
    fn what_is_of_another_kind_is_absent() {
        let fields = Fields::read(r#"{"a":[1],"b":"true","c":null}"#).unwrap();
        assert_eq!((fields.text("a"), fields.number("b"), fields.flag("b")), (None, None, false));
        assert!(fields.object("a").iter().next().is_none() && fields.list("b").is_empty());
        assert!(Fields::read("[1]").is_none());
    }
}
