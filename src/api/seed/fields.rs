//! The parts of a request body, each left as it came until it is known what it should be. A body can hold anything,
//! so what nobody asked for is walked over, and no more of a list or dictionary is kept than may be used.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most entries a list or dictionary may have.
pub(super) const MAX_ENTRIES: usize = 1_000;

/// The fields of a request to execute, in the order their faults are told. Of a field given twice, the last counts.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) prompt: Option<&'a RawValue>,
    pub(super) allowed_tools: Option<&'a RawValue>,
    pub(super) system_prompt: Option<&'a RawValue>,
    pub(super) permission_mode: Option<&'a RawValue>,
    pub(super) model: Option<&'a RawValue>,
    pub(super) cwd: Option<&'a RawValue>,
    pub(super) max_turns: Option<&'a RawValue>,
    pub(super) env: Option<&'a RawValue>,
    pub(super) disallowed_tools: Option<&'a RawValue>,
    pub(super) resume_session_id: Option<&'a RawValue>,
    pub(super) image: Option<&'a RawValue>,
    pub(super) limits: Option<&'a RawValue>,
    pub(super) egress_hosts: Option<&'a RawValue>,
    /// The first names of fields that the API does not know.
    pub(super) unknown: Vec<String>,
}

/// How many names of unknown fields are kept.
const MAX_UNKNOWN: usize = 20;

/// The first entries of a list or dictionary, and how many there are.
#[derive(Debug)]
pub(super) struct Entries<T> {
    /// At most [`MAX_ENTRIES`] of them.
    pub(super) kept: Vec<T>,
    /// All of them.
    pub(super) count: usize,
}

/// An item of a list.
pub(super) type Item<'a> = &'a RawValue;

/// A member of a dictionary.
pub(super) type Member<'a> = (String, &'a RawValue);

impl<'a> Fields<'a> {
    /// The names of the fields.
    pub(super) const NAMES: [&'static str; 13] = [
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
        "image",
        "limits",
        "egress_hosts",
    ];

    fn note_unknown(&mut self, name: &str) {
        if self.unknown.len() < MAX_UNKNOWN && !self.unknown.iter().any(|known| known == name) {
            self.unknown.push(name.to_owned());
        }
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<&'a RawValue>> {
        Some(match name {
            "prompt" => &mut self.prompt,
            "allowed_tools" => &mut self.allowed_tools,
            "system_prompt" => &mut self.system_prompt,
            "permission_mode" => &mut self.permission_mode,
            "model" => &mut self.model,
            "cwd" => &mut self.cwd,
            "max_turns" => &mut self.max_turns,
            "env" => &mut self.env,
            "disallowed_tools" => &mut self.disallowed_tools,
            "resume_session_id" => &mut self.resume_session_id,
            "image" => &mut self.image,
            "limits" => &mut self.limits,
            "egress_hosts" => &mut self.egress_hosts,
            _ => return None,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<String>()? {
                    if let Some(slot) = fields.slot(&name) {
                        *slot = Some(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                        fields.note_unknown(&name);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<T> Entries<T> {
    const fn new() -> Self {
        Self { kept: Vec::new(), count: 0 }
    }

    fn add(&mut self, entry: T) {
        self.count += 1;
        if self.kept.len() < MAX_ENTRIES {
            self.kept.push(entry);
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<Item<'a>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;

        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Entries<Item<'de>>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Entries::new();
                while let Some(item) = seq.next_element()? {
                    items.add(item);
                }
                Ok(items)
            }
        }

        deserializer.deserialize_seq(ItemsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<Member<'a>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Entries<Member<'de>>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a dictionary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Entries::new();
                while let Some(member) = map.next_entry()? {
                    members.add(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
