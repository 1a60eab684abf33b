//! JSON objects that are read from objects alone. Serde's derived structs can also be read from a list of their fields in
//! order, so `[]` would be a value of which everything was left out.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A value that is read from an object.
#[derive(Clone, Copy, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// For a field: `#[serde(deserialize_with = "object")]`.
///
/// # Errors
/// When it is something else.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// The same for a field that may be `null`.
///
/// # Errors
/// When it is something else.
pub fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer).map(|value| value.map(|Object(value)| value))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::domain::{SessionLimits, TenantLimits};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outer {
        #[serde(deserialize_with = "optional_object")]
        inner: Option<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        count: u32,
    }

    fn read(text: &str) -> Result<Outer, String> {
        serde_json::from_str(text).map(|Object(value)| value).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_not_read_from_a_list() {
        assert_eq!(read("{}"), Ok(Outer { inner: None }));
        assert_eq!(read(r#"{"inner": null}"#), Ok(Outer { inner: None }));
        assert_eq!(read(r#"{"inner": {"count": 3}}"#), Ok(Outer { inner: Some(Inner { count: 3 }) }));
        for text in ["[]", "[null]", r#"{"inner": []}"#, r#"{"inner": [3]}"#, r#"{"inner": 3}"#, "3", r#""""#] {
            assert!(read(text).unwrap_err().contains("expected an object"), "{text}");
        }
    }

    #[test]
    fn limits_are_objects_at_every_depth() {
        for text in [r#"{"rates": []}"#, r#"{"rates": {"read": [60, 10]}}"#] {
            assert!(serde_json::from_str::<TenantLimits>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Object<SessionLimits>>("[]").is_err());
    }
}
