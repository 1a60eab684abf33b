//! Reads a request's JSON object by object: no key twice, no key that is not expected, and a path for every complaint.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::gateway::reply::Refusal;

/// The most keys an object of the Messages API has, with room.
const MAX_KEYS: usize = 64;

/// Where a value stands in the request, such as `messages[3].content[1].source`.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

/// An object whose keys are read and whose values are not yet.
#[derive(Debug)]
pub(in crate::gateway) struct Object<'a, 'p> {
    path: &'p Path<'p>,
    fields: Vec<(String, &'a RawValue)>,
}

/// A JSON string.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'p> Path<'p> {
    /// The request itself.
    pub(super) const ROOT: Self = Path { parent: None, step: Step::Root };

    /// The value of `key` in the object that stands here.
    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    /// An element of the list that stands here.
    pub(super) fn index(&'p self, index: usize) -> Self {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// Refuses what stands here, with the reason and what to do.
    pub(super) fn refuse(&self, problem: impl fmt::Display) -> Refusal {
        Refusal::not_accepted(format_args!("`{self}` {problem}"))
    }

    fn malformed(&self, error: impl fmt::Display) -> Refusal {
        match self.step {
            Step::Root => Refusal::malformed(error),
            _ => Refusal::malformed(format_args!("`{self}`: {error}")),
        }
    }

    fn is_root(&self) -> bool {
        matches!(self.step, Step::Root)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(formatter)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(formatter, "[{index}]"),
            Step::Key(key) => {
                let dot = if self.parent.is_none_or(Path::is_root) { "" } else { "." };
                // A key is the sandbox's own text: enough of it to be found.
                write!(formatter, "{dot}{}", key.chars().take(100).collect::<String>())
            }
        }
    }
}

impl<'a, 'p> Object<'a, 'p> {
    /// Reads the keys of the object `raw`.
    pub(super) fn open(raw: &'a RawValue, path: &'p Path<'p>) -> Result<Self, Refusal> {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        let fields = json.deserialize_map(Keys).map_err(|error| path.malformed(error))?;
        Ok(Self { path, fields })
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &'p Path<'p> {
        self.path
    }

    /// Refuses every key that is not in `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(self.path.key(key).refuse(format_args!(
                "is not on the list of what a call may carry here, which is {}: remove it",
                known.join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// The value of `key`; `None` if it is absent or null.
    pub(in crate::gateway) fn get(&self, key: &str) -> Option<&'a RawValue> {
        let found = self.fields.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// The string at `key`; `None` if it is absent or null.
    pub(in crate::gateway) fn text(&self, key: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        let path = self.path.key(key);
        self.get(key).map(|raw| text(raw, &path)).transpose()
    }

    /// The string at `key`, which must be there.
    pub(in crate::gateway) fn required_text(&self, key: &str) -> Result<Cow<'a, str>, Refusal> {
        match self.fields.iter().find(|(name, _)| name == key) {
            Some((_, raw)) => text(raw, &self.path.key(key)),
            None => Err(self.path.malformed(format_args!("missing field `{key}`"))),
        }
    }

    /// The string at `key`, which says of what kind the object is.
    pub(super) fn kind(&self, key: &str) -> Result<Cow<'a, str>, Refusal> {
        self.text(key)?.ok_or_else(|| self.path.key(key).refuse("is missing: name the kind"))
    }

    /// The whole number at `key`; `None` if it is absent or null. Numbers beyond what can be counted are the largest one.
    pub(super) fn whole(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let Some(raw) = self.get(key) else { return Ok(None) };
        let literal = raw.get();
        if literal.is_empty() || !literal.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self
                .path
                .key(key)
                .malformed("must be a whole number, not negative and without fraction or exponent"));
        }
        Ok(Some(literal.parse().unwrap_or(u64::MAX)))
    }
}

/// The JSON string `raw`, without its escapes.
pub(super) fn text<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Cow<'a, str>, Refusal> {
    let Text(text) = serde_json::from_str(raw.get()).map_err(|error| path.malformed(error))?;
    Ok(text)
}

/// Whether `raw` is a string.
pub(super) fn is_text(raw: &RawValue) -> bool {
    raw.get().starts_with('"')
}

/// Reads the list `raw` element by element.
pub(super) fn each<'a>(
    raw: &'a RawValue,
    path: &Path<'_>,
    read: impl FnMut(&'a RawValue, &Path<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut refused = None;
    let elements = Elements { path, read, refused: &mut refused };
    let ended = serde_json::Deserializer::from_str(raw.get()).deserialize_seq(elements);
    match refused {
        Some(refusal) => Err(refusal),
        None => ended.map_err(|error| path.malformed(error)),
    }
}

/// Collects the fields of an object.
struct Keys;

impl<'a> Visitor<'a> for Keys {
    type Value = Vec<(String, &'a RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields: Self::Value = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if fields.iter().any(|(known, _)| *known == key) {
                return Err(M::Error::custom(format_args!("duplicate field `{key}`")));
            }
            if fields.len() == MAX_KEYS {
                return Err(M::Error::custom(format_args!("more than {MAX_KEYS} fields in one object")));
            }
            fields.push((key, map.next_value()?));
        }
        Ok(fields)
    }
}

/// Hands out the elements of a list.
struct Elements<'r, 'p, F> {
    path: &'r Path<'p>,
    read: F,
    refused: &'r mut Option<Refusal>,
}

impl<'a, F: FnMut(&'a RawValue, &Path<'_>) -> Result<(), Refusal>> Visitor<'a> for Elements<'_, '_, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'a>>(mut self, mut list: S) -> Result<(), S::Error> {
        let mut index = 0;
        while let Some(element) = list.next_element::<&'a RawValue>()? {
            if let Err(refusal) = (self.read)(element, &self.path.index(index)) {
                *self.refused = Some(refusal);
                return Err(S::Error::custom("refused"));
            }
            index += 1;
        }
        Ok(())
    }
}
