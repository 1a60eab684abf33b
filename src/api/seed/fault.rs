//! A fault of a request, in the shape the API's clients know: `{"type","loc","msg","input"[,"ctx"]}`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::InvalidEgressHost;

/// The longest input that is repeated to the caller.
const MAX_ECHO_BYTES: usize = 64 * 1024;

/// The permission modes as a fault names them.
const MODES: &str = "'default', 'acceptEdits', 'plan' or 'bypassPermissions'";

/// What is wrong with a part of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fault {
    /// What sort of fault it is.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "missing")]
    kind: &'static str,
    /// Where the part is: `body` or `query`, then names and places.
    #[schema(value_type = Vec<Value>, example = json!(["body", "prompt"]))]
    loc: Vec<Step>,
    /// The fault in words.
    #[schema(example = "Field required")]
    msg: String,
    /// The part itself, as it came.
    #[schema(value_type = Value)]
    input: Box<RawValue>,
    /// What the words were made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

/// One step on the way to a part of a request.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Step {
    /// Into an object, by the name.
    Name(Cow<'static, str>),
    /// Into a list, or into a text that is not JSON, by the place.
    Place(usize),
}

/// The sorts of faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Kind {
    #[error("Field required")]
    Missing,
    #[error("Input should be a valid dictionary or object to extract fields from")]
    NotAnObject,
    #[error("JSON decode error")]
    BrokenJson(&'static str),
    #[error("Input should be a valid string")]
    NotText,
    #[error("Input should be a valid string, unable to parse raw data as a unicode string")]
    NotUnicode,
    #[error("String should have at least 1 character")]
    TooShort,
    #[error("String should have at most {0} bytes")]
    TooLong(usize),
    #[error("Value error, this should have at most {0} bytes in all")]
    LongTogether(usize),
    #[error("Value error, {0}")]
    Refused(&'static str),
    #[error("Value error, these are no limits: {0}")]
    NotLimits(String),
    #[error("Value error, {0}")]
    NotAHost(InvalidEgressHost),
    #[error("Input should be {MODES}")]
    NotAMode,
    #[error("Input should be a valid list")]
    NotAList,
    #[error("Input should be a valid dictionary")]
    NotADictionary,
    #[error("{what} should have at most {most} items after validation, not {actual}")]
    TooMany { what: &'static str, most: usize, actual: usize },
    #[error("Input should be a valid integer")]
    NotAnInteger,
    #[error("Input should be a valid integer, unable to parse string as an integer")]
    UnreadableInteger,
    #[error("Unable to parse input string as an integer, exceeded maximum size")]
    OversizeInteger,
    #[error("Input should be a valid integer, got a number with a fractional part")]
    Fraction,
    #[error("Input should be a finite number")]
    Infinite,
    #[error("Input should be greater than or equal to {0}")]
    BelowLeast(i64),
    #[error("Input should be less than or equal to {0}")]
    AboveMost(i64),
}

impl Fault {
    /// A fault of the part at `loc`, which came as the JSON `input`.
    pub(super) fn new(kind: &Kind, loc: Vec<Step>, input: &RawValue) -> Self {
        let input = if input.get().len() > MAX_ECHO_BYTES { oversize(input.get().len()) } else { input.to_owned() };
        Self { kind: kind.name(), loc, msg: kind.to_string(), input, ctx: kind.context() }
    }

    /// A fault of a part that came as text outside of JSON.
    pub(super) fn of_text(kind: &Kind, loc: Vec<Step>, input: &str) -> Self {
        let input = if input.len() > MAX_ECHO_BYTES { oversize(input.len()) } else { raw(&input) };
        Self { kind: kind.name(), loc, msg: kind.to_string(), input, ctx: kind.context() }
    }

    /// A fault of a body that is no JSON, at a character of it.
    pub(super) fn broken_json(place: usize, error: &'static str) -> Self {
        let loc = vec![Step::name("body"), Step::Place(place)];
        Self::new(&Kind::BrokenJson(error), loc, &raw(&json!({})))
    }
}

impl Step {
    /// The step by a name of ours.
    pub(super) const fn name(name: &'static str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl Kind {
    const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotAnObject => "model_attributes_type",
            Self::BrokenJson(_) => "json_invalid",
            Self::NotText => "string_type",
            Self::NotUnicode => "string_unicode",
            Self::TooShort => "string_too_short",
            Self::TooLong(_) => "string_too_long",
            Self::Refused(_) | Self::NotLimits(_) | Self::NotAHost(_) | Self::LongTogether(_) => "value_error",
            Self::NotAMode => "enum",
            Self::NotAList => "list_type",
            Self::NotADictionary => "dict_type",
            Self::TooMany { .. } => "too_long",
            Self::NotAnInteger => "int_type",
            Self::UnreadableInteger => "int_parsing",
            Self::OversizeInteger => "int_parsing_size",
            Self::Fraction => "int_from_float",
            Self::Infinite => "finite_number",
            Self::BelowLeast(_) => "greater_than_equal",
            Self::AboveMost(_) => "less_than_equal",
        }
    }

    fn context(&self) -> Option<Value> {
        match self {
            Self::BrokenJson(error) => Some(json!({ "error": error })),
            Self::TooShort => Some(json!({ "min_length": 1 })),
            Self::TooLong(most) => Some(json!({ "max_length": most })),
            Self::Refused(_) | Self::NotLimits(_) | Self::NotAHost(_) | Self::LongTogether(_) => {
                Some(json!({ "error": {} }))
            }
            Self::NotAMode => Some(json!({ "expected": MODES })),
            Self::TooMany { what, most, actual } => {
                Some(json!({ "field_type": what, "max_length": most, "actual_length": actual }))
            }
            Self::BelowLeast(least) => Some(json!({ "ge": least })),
            Self::AboveMost(most) => Some(json!({ "le": most })),
            _ => None,
        }
    }
}

fn oversize(bytes: usize) -> Box<RawValue> {
    raw(&format!("({bytes} bytes, not repeated)"))
}

fn raw<T: Serialize>(value: &T) -> Box<RawValue> {
    to_raw_value(value).expect("texts and empty objects have a JSON form")
}
