//! Amounts of money as requests give them: as text or, where the digits are clear, as a number.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

/// The text of an amount that was given as text or as a number.
///
/// # Errors
/// When it is something else.
pub fn amount_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct AmountVisitor;

    impl Visitor<'_> for AmountVisitor {
        type Value = String;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an amount of US dollars, like \"50.00\"")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_i64<E>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_f64<E>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }

    deserializer.deserialize_any(AmountVisitor)
}

/// How an amount is given, for the API document: as text or as a number.
pub fn amount_schema() -> Schema {
    Schema::OneOf(amount().build())
}

/// The same for an amount that may be left out.
pub fn optional_amount_schema() -> Schema {
    Schema::OneOf(amount().item(ObjectBuilder::new().schema_type(Type::Null)).build())
}

fn amount() -> OneOfBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).examples(["50.00"]);
    let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0));
    OneOfBuilder::new().item(text).item(number).description(Some("US dollars"))
}

/// The same for an amount that may be left out.
///
/// # Errors
/// When it is something else.
pub fn optional_amount_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Text(String);

    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            amount_text(deserializer).map(Self)
        }
    }

    let text: Option<Text> = Deserialize::deserialize(deserializer)?;
    Ok(text.map(|Text(text)| text))
}
