//! From the JSON of a request to what it asks for, or to everything that is wrong with it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::fault::{Fault, Kind, Step};
use super::fields::{Entries, Fields, Item, MAX_ENTRIES, Member};
use super::{integer, warnings};
use crate::config::SessionConfig;
use crate::domain::{EgressHost, Object, PermissionMode, SessionLimits, TurnSpec};

/// How many rounds of model and tools a request may ask for.
const MAX_TURNS: std::ops::RangeInclusive<i64> = 1..=100;

/// What a request to execute asks for.
#[derive(Debug, PartialEq)]
pub(super) struct ExecuteRequest {
    /// The prompt, without the space around it.
    pub(super) prompt: String,
    /// The directory to work in, where one is named.
    pub(super) cwd: Option<String>,
    /// The session to go on with, where one is named.
    pub(super) resume: Option<String>,
    /// What is asked for beside the prompt.
    pub(super) spec: TurnSpec,
    /// What of the request was ignored, in words.
    pub(super) warnings: Vec<String>,
}

/// The longest texts of a request. Each is kept with its session, and most become arguments of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextBounds {
    /// The prompt.
    pub(super) prompt: usize,
    /// The system prompt.
    pub(super) system_prompt: usize,
    /// The names and values of all variables.
    pub(super) env: usize,
}

/// The longest names a request can give: of a model, an image or a session.
const MAX_NAME_BYTES: usize = 1_024;

/// The longest `cwd` that is read. The kernel takes no path above 4 KiB: one that is longer is refused as a directory, like
/// any other that cannot be used.
const MAX_PATH_BYTES: usize = 8 << 10;

/// The longest list of tools: it is one argument, and Linux takes none that is longer than 128 KiB.
const MAX_LIST_BYTES: usize = 64 << 10;

/// The longest variable, with its name, `=` and a NUL: Linux starts no program with a longer one, whatever `max_env_bytes` is.
const MAX_VARIABLE_BYTES: usize = 128 << 10;

/// The longest environment, whatever the settings say: Linux gives a program's arguments and variables 2 MiB together.
const MAX_ENV_BYTES: usize = 1 << 20;

/// Reads parts of a body and notes what is wrong with them.
#[derive(Default)]
struct Reader(Vec<Fault>);

impl TextBounds {
    /// As they are set.
    pub(super) fn of(config: &SessionConfig) -> Self {
        Self {
            prompt: config.max_prompt_bytes,
            system_prompt: config.max_system_prompt_bytes,
            env: config.max_env_bytes.min(MAX_ENV_BYTES),
        }
    }
}

/// Reads a request to execute out of `body`, which is a JSON object.
pub(super) fn execute(body: &RawValue, bounds: &TextBounds) -> Result<ExecuteRequest, Vec<Fault>> {
    // The body is an object; only a name that is no Unicode keeps it from being read as one.
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(body.get()) else {
        return Err(vec![Fault::new(&Kind::NotUnicode, vec![Step::name("body")], body)]);
    };
    let mut reader = Reader::default();
    let prompt = reader.prompt(body, fields.prompt, bounds.prompt);
    let allowed_tools = reader.list("allowed_tools", fields.allowed_tools);
    let system_prompt = reader.argument("system_prompt", fields.system_prompt, bounds.system_prompt);
    let permission_mode = reader.permission_mode(fields.permission_mode);
    let model = reader.argument("model", fields.model, MAX_NAME_BYTES);
    let cwd = reader.optional_text("cwd", fields.cwd, MAX_PATH_BYTES);
    let max_turns = reader.max_turns(fields.max_turns);
    let env = reader.env(fields.env, bounds.env);
    let disallowed_tools = reader.list("disallowed_tools", fields.disallowed_tools);
    let resume = reader.optional_text("resume_session_id", fields.resume_session_id, MAX_NAME_BYTES);
    let image = reader.optional_text("image", fields.image, MAX_NAME_BYTES);
    let limits = reader.limits(fields.limits);
    let egress_hosts = reader.egress_hosts(fields.egress_hosts);
    if !reader.0.is_empty() {
        return Err(reader.0);
    }
    let not_empty = |text: &String| !text.is_empty();
    let system_prompt = system_prompt.as_deref().map(strip).map(str::to_owned).filter(not_empty);
    let model = model.filter(not_empty);
    let spec = TurnSpec {
        model,
        system_prompt,
        permission_mode,
        allowed_tools,
        disallowed_tools,
        max_turns,
        env,
        tools: None,
        image: image.filter(not_empty),
        limits,
        egress_hosts,
    };
    let warnings = warnings::ignored("field", &fields.unknown, &Fields::NAMES);
    Ok(ExecuteRequest { prompt, cwd: cwd.filter(not_empty), resume: resume.filter(not_empty), spec, warnings })
}

impl Reader {
    fn note(&mut self, kind: &Kind, steps: &[Step], input: &RawValue) {
        let loc = std::iter::once(Step::name("body")).chain(steps.iter().cloned()).collect();
        self.0.push(Fault::new(kind, loc, input));
    }

    fn prompt(&mut self, body: &RawValue, value: Option<&RawValue>, max_bytes: usize) -> String {
        let here = [Step::name("prompt")];
        let Some(value) = value else {
            self.note(&Kind::Missing, &here, body);
            return String::new();
        };
        let Some(text) = self.text(&here, value) else { return String::new() };
        let prompt = strip(&text);
        if text.is_empty() {
            self.note(&Kind::TooShort, &here, value);
        } else if prompt.is_empty() {
            self.note(&Kind::Refused("Prompt cannot be empty or whitespace only"), &here, value);
        } else if prompt.len() > max_bytes {
            self.note(&Kind::TooLong(max_bytes), &here, value);
        }
        if prompt.len() == text.len() { text } else { prompt.to_owned() }
    }

    fn text(&mut self, here: &[Step], value: &RawValue) -> Option<String> {
        let is_text = value.get().starts_with('"');
        let text = is_text.then(|| serde_json::from_str(value.get()).ok()).flatten();
        if text.is_none() {
            // A text that cannot be read has half of a surrogate pair in it.
            self.note(if is_text { &Kind::NotUnicode } else { &Kind::NotText }, here, value);
        }
        text
    }

    fn optional_text(&mut self, name: &'static str, value: Option<&RawValue>, max_bytes: usize) -> Option<String> {
        let value = present(value)?;
        let text = self.text(&[Step::name(name)], value)?;
        self.refuse_long(name, value, text.len(), max_bytes);
        Some(text)
    }

    fn refuse_long(&mut self, name: &'static str, value: &RawValue, bytes: usize, max_bytes: usize) {
        if bytes > max_bytes {
            self.note(&Kind::TooLong(max_bytes), &[Step::name(name)], value);
        }
    }

    /// A text that becomes an argument or a variable of a process, which a NUL would cut short.
    fn argument(&mut self, name: &'static str, value: Option<&RawValue>, max_bytes: usize) -> Option<String> {
        let value = present(value)?;
        let text = self.text(&[Step::name(name)], value)?;
        self.refuse_long(name, value, text.len(), max_bytes);
        self.refuse_nul(&[Step::name(name)], value, &text);
        Some(text)
    }

    fn refuse_nul(&mut self, here: &[Step], value: &RawValue, text: &str) {
        if text.contains('\0') {
            self.note(&Kind::Refused("NUL characters are not allowed here"), here, value);
        }
    }

    fn permission_mode(&mut self, value: Option<&RawValue>) -> Option<PermissionMode> {
        let value = present(value)?;
        let mode = serde_json::from_str::<String>(value.get()).ok().and_then(|text| PermissionMode::parse(&text));
        if mode.is_none() {
            self.note(&Kind::NotAMode, &[Step::name("permission_mode")], value);
        }
        mode
    }

    fn limits(&mut self, value: Option<&RawValue>) -> Option<SessionLimits> {
        let value = present(value)?;
        let limits = serde_json::from_str(value.get()).map(|Object(limits)| limits);
        limits.map_err(|error| self.note(&Kind::NotLimits(error.to_string()), &[Step::name("limits")], value)).ok()
    }

    /// Absent and empty are not the same here: the one is all hosts there are, the other none.
    fn egress_hosts(&mut self, value: Option<&RawValue>) -> Option<Vec<EgressHost>> {
        let name = "egress_hosts";
        let mut hosts = Vec::new();
        for (place, item, text) in self.items(name, present(value)?) {
            match text.parse() {
                Ok(host) => hosts.push(host),
                Err(invalid) => self.note(&Kind::NotAHost(invalid), &[Step::name(name), Step::Place(place)], item),
            }
        }
        Some(hosts)
    }

    fn max_turns(&mut self, value: Option<&RawValue>) -> Option<u32> {
        let value = present(value)?;
        let number = integer::from_json(value).and_then(|number| match number {
            _ if number < *MAX_TURNS.start() => Err(Kind::BelowLeast(*MAX_TURNS.start())),
            _ if number > *MAX_TURNS.end() => Err(Kind::AboveMost(*MAX_TURNS.end())),
            _ => Ok(number),
        });
        match number {
            Ok(number) => u32::try_from(number).ok(),
            Err(kind) => {
                self.note(&kind, &[Step::name("max_turns")], value);
                None
            }
        }
    }

    fn list(&mut self, name: &'static str, value: Option<&RawValue>) -> Vec<String> {
        let Some(value) = present(value) else { return Vec::new() };
        let texts: Vec<String> = self.items(name, value).into_iter().map(|(_, _, text)| text).collect();
        let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
        if bytes > MAX_LIST_BYTES {
            self.note(&Kind::LongTogether(MAX_LIST_BYTES), &[Step::name(name)], value);
        }
        texts
    }

    /// The texts of a list, each with its place and as it came.
    fn items<'a>(&mut self, name: &'static str, value: &'a RawValue) -> Vec<(usize, Item<'a>, String)> {
        let Ok(items) = serde_json::from_str::<Entries<Item<'a>>>(value.get()) else {
            self.note(&Kind::NotAList, &[Step::name(name)], value);
            return Vec::new();
        };
        self.refuse_many("List", name, items.count, value);
        let mut texts = Vec::with_capacity(items.kept.len());
        for (place, item) in items.kept.into_iter().enumerate() {
            let here = [Step::name(name), Step::Place(place)];
            if let Some(text) = self.text(&here, item) {
                self.refuse_nul(&here, item, &text);
                texts.push((place, item, text));
            }
        }
        texts
    }

    fn env(&mut self, value: Option<&RawValue>, max_bytes: usize) -> BTreeMap<String, String> {
        let Some(value) = present(value) else { return BTreeMap::new() };
        let Ok(members) = serde_json::from_str::<Entries<Member<'_>>>(value.get()) else {
            let is_object = value.get().starts_with('{');
            self.note(if is_object { &Kind::NotUnicode } else { &Kind::NotADictionary }, &[Step::name("env")], value);
            return BTreeMap::new();
        };
        self.refuse_many("Dictionary", "env", members.count, value);
        let mut variables = BTreeMap::new();
        for (name, value) in members.kept {
            let here = [Step::name("env"), Step::Name(name.clone().into())];
            let Some(text) = self.text(&here, value) else { continue };
            self.refuse_nul(&here, value, &text);
            if name.is_empty() || name.contains(['=', '\0']) {
                self.note(&Kind::Refused("A variable's name is not empty and holds no '=' or NUL"), &here, value);
            }
            if name.len() + text.len() + 2 > MAX_VARIABLE_BYTES {
                self.note(&Kind::LongTogether(MAX_VARIABLE_BYTES), &here, value);
            }
            variables.insert(name, text);
        }
        // As the kernel counts them: `NAME=VALUE` and a NUL.
        let bytes: usize = variables.iter().map(|(name, text)| name.len() + text.len() + 2).sum();
        if bytes > max_bytes {
            self.note(&Kind::LongTogether(max_bytes), &[Step::name("env")], value);
        }
        variables
    }

    fn refuse_many(&mut self, what: &'static str, name: &'static str, actual: usize, value: &RawValue) {
        if actual > MAX_ENTRIES {
            self.note(&Kind::TooMany { what, most: MAX_ENTRIES, actual }, &[Step::name(name)], value);
        }
    }
}

/// The field, unless it is `null`, which is as good as absent.
fn present(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

/// The text without the space around it, by Python's notion of space: Unicode's and the four separators of ASCII.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
