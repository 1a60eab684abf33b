//! The provider's report of what a call used, and how several reports of one call are read as one.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Usage;

/// Steps of a call that are believed. A call of a hundred steps is longer than any the provider makes.
const MAX_STEPS: usize = 100;

/// Different values of a price modifier that are kept: more of them say nothing more.
const MAX_NAMED: usize = 4;

/// A `usage` object, or several of one call: every counter is as high as any of them had it.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_5m: Option<u64>,
    cache_write_1h: Option<u64>,
    searches: Option<u64>,
    /// The model of a step that another model than the answer's ran.
    model: Option<String>,
    /// The call step by step. The counters above leave some steps out.
    steps: Vec<Report>,
    /// What is named that changes the price.
    pub(super) named: Named,
    /// A counter of the input, or of searches, is no whole number.
    invalid_input: bool,
    /// A counter of the output is no whole number.
    invalid_output: bool,
}

/// The values of what changes the price of every token of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// `speed`.
    pub(super) speeds: Vec<String>,
    /// `inference_geo`.
    pub(super) regions: Vec<String>,
    /// `service_tier`.
    pub(super) tiers: Vec<String>,
}

/// A part of a call: its usage, and the model that did it if it is not the answer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The model, as the report names it.
    pub(super) model: Option<String>,
    /// What it used.
    pub(super) usage: Usage,
}

/// The fields of a `usage` object as text: each is read on its own, so that an odd one hides no other.
#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation: Option<&'a RawValue>,
    #[serde(borrow)]
    server_tool_use: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    iterations: Option<&'a RawValue>,
    #[serde(borrow)]
    speed: Option<&'a RawValue>,
    #[serde(borrow)]
    inference_geo: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct CacheCreation<'a> {
    #[serde(borrow)]
    ephemeral_5m_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    ephemeral_1h_input_tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct ServerToolUse<'a> {
    #[serde(borrow)]
    web_search_requests: Option<&'a RawValue>,
}

impl Report {
    /// Reads a `usage` object. A field that is `null` counts as absent; one of another kind than it should be is invalid.
    pub(super) fn read(text: &RawValue) -> Self {
        let (mut report, steps) = Self::read_flat(text);
        if let Some(steps) = steps {
            match serde_json::from_str::<Vec<&RawValue>>(steps.get()) {
                Ok(steps) if steps.len() <= MAX_STEPS => {
                    // A step's own steps are not read: there are none, and depth must not be the provider's choice.
                    report.steps = steps.into_iter().map(|step| Self::read_flat(step).0).collect();
                    for step in &mut report.steps {
                        report.named.add(std::mem::take(&mut step.named));
                    }
                }
                _ => (report.invalid_input, report.invalid_output) = (true, true),
            }
        }
        report
    }

    /// Reads all but the steps, and returns those as text.
    fn read_flat(text: &RawValue) -> (Self, Option<&RawValue>) {
        let Ok(fields) = serde_json::from_str::<Fields<'_>>(text.get()) else {
            return (Self { invalid_input: true, invalid_output: true, ..Self::default() }, None);
        };
        let (mut bad_input, mut bad_output) = (false, false);
        let created: CacheCreation<'_> = object(fields.cache_creation, &mut bad_input);
        let tools: ServerToolUse<'_> = object(fields.server_tool_use, &mut bad_input);
        let report = Self {
            input_tokens: counter(fields.input_tokens, &mut bad_input),
            output_tokens: counter(fields.output_tokens, &mut bad_output),
            cache_read: counter(fields.cache_read_input_tokens, &mut bad_input),
            cache_write: counter(fields.cache_creation_input_tokens, &mut bad_input),
            cache_write_5m: counter(created.ephemeral_5m_input_tokens, &mut bad_input),
            cache_write_1h: counter(created.ephemeral_1h_input_tokens, &mut bad_input),
            searches: counter(tools.web_search_requests, &mut bad_input),
            model: fields.model.map(name),
            steps: Vec::new(),
            named: Named {
                speeds: fields.speed.map(name).into_iter().collect(),
                regions: fields.inference_geo.map(name).into_iter().collect(),
                tiers: fields.service_tier.map(name).into_iter().collect(),
            },
            invalid_input: bad_input,
            invalid_output: bad_output,
        };
        (report, fields.iterations)
    }

    /// Adds what another report of the same call says. Counters never fall within a call, so the higher one counts; nothing
    /// is added up.
    pub(super) fn update(&mut self, later: Self) {
        self.named.add(later.named.clone());
        self.raise(&later);
        let known = self.steps.len();
        for (step, later) in self.steps.iter_mut().zip(&later.steps) {
            step.raise(later);
        }
        self.steps.extend(later.steps.into_iter().skip(known));
    }

    fn raise(&mut self, later: &Self) {
        raise(&mut self.input_tokens, later.input_tokens);
        raise(&mut self.output_tokens, later.output_tokens);
        raise(&mut self.cache_read, later.cache_read);
        raise(&mut self.cache_write, later.cache_write);
        raise(&mut self.cache_write_5m, later.cache_write_5m);
        raise(&mut self.cache_write_1h, later.cache_write_1h);
        raise(&mut self.searches, later.searches);
        if later.model.is_some() {
            self.model.clone_from(&later.model);
        }
        self.invalid_input |= later.invalid_input;
        self.invalid_output |= later.invalid_output;
    }

    /// Whether the input is reported: of the call, or of each of its steps.
    pub(super) fn has_input(&self) -> bool {
        self.input_tokens.is_some() || self.all_steps(|step| step.input_tokens.is_some())
    }

    /// Whether the output is reported: of the call, or of each of its steps.
    pub(super) fn has_output(&self) -> bool {
        self.output_tokens.is_some() || self.all_steps(|step| step.output_tokens.is_some())
    }

    /// Whether any counter is reported, readable or not.
    pub(super) fn has_anything(&self) -> bool {
        self.has_input() || self.has_output() || self.invalid_input || self.invalid_output || !self.steps.is_empty()
    }

    /// Whether every step that is named reports its input, and then its output.
    pub(super) fn has_all_steps(&self) -> (bool, bool) {
        let all = |has: fn(&Self) -> bool| self.steps.is_empty() || self.all_steps(has);
        (all(|step| step.input_tokens.is_some()), all(|step| step.output_tokens.is_some()))
    }

    /// Whether a counter of the input, and then one of the output, is no whole number.
    pub(super) fn invalid(&self) -> (bool, bool) {
        let any = |invalid: fn(&Self) -> bool| invalid(self) || self.steps.iter().any(invalid);
        (any(|report| report.invalid_input), any(|report| report.invalid_output))
    }

    fn all_steps(&self, has: impl Fn(&Self) -> bool) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(has)
    }

    /// Whether it is given step by step.
    pub(super) fn is_in_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    /// What is to be paid: the steps, and in the first part what the call's own counters have beyond them. There is at least
    /// one part.
    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<_> =
            self.steps.iter().map(|step| Part { model: step.model.clone(), usage: step.usage() }).collect();
        let mut sum = Usage::default();
        for part in &parts {
            sum += part.usage;
        }
        let rest = beyond(&self.usage(), &sum);
        if let Some(own) = parts.iter_mut().find(|part| part.model.is_none()) {
            own.usage += rest;
        } else if parts.is_empty() || rest != Usage::default() {
            parts.push(Part { model: None, usage: rest });
        }
        parts
    }

    fn usage(&self) -> Usage {
        let short = self.cache_write_5m.unwrap_or(0);
        let long = self.cache_write_1h.unwrap_or(0);
        // Writes whose lifetime is not reported are for five minutes, which is the default.
        let rest = self.cache_write.unwrap_or(0).saturating_sub(short.saturating_add(long));
        Usage {
            input_tokens: self.input_tokens.unwrap_or(0),
            output_tokens: self.output_tokens.unwrap_or(0),
            cache_read_tokens: self.cache_read.unwrap_or(0),
            cache_write_5m_tokens: short.saturating_add(rest),
            cache_write_1h_tokens: long,
            web_search_requests: self.searches.unwrap_or(0),
        }
    }
}

impl Named {
    fn add(&mut self, other: Self) {
        add(&mut self.speeds, other.speeds);
        add(&mut self.regions, other.regions);
        add(&mut self.tiers, other.tiers);
    }
}

fn add(values: &mut Vec<String>, more: Vec<String>) {
    for value in more {
        if values.len() < MAX_NAMED && !values.contains(&value) {
            values.push(value);
        }
    }
}

fn raise(kept: &mut Option<u64>, later: Option<u64>) {
    // `None` is less than any number.
    *kept = (*kept).max(later);
}

/// What `whole` has beyond `sum`, class by class.
fn beyond(whole: &Usage, sum: &Usage) -> Usage {
    Usage {
        input_tokens: whole.input_tokens.saturating_sub(sum.input_tokens),
        output_tokens: whole.output_tokens.saturating_sub(sum.output_tokens),
        cache_read_tokens: whole.cache_read_tokens.saturating_sub(sum.cache_read_tokens),
        cache_write_5m_tokens: whole.cache_write_5m_tokens.saturating_sub(sum.cache_write_5m_tokens),
        cache_write_1h_tokens: whole.cache_write_1h_tokens.saturating_sub(sum.cache_write_1h_tokens),
        web_search_requests: whole.web_search_requests.saturating_sub(sum.web_search_requests),
    }
}

fn counter(text: Option<&RawValue>, invalid: &mut bool) -> Option<u64> {
    let parsed = serde_json::from_str(text?.get()).ok();
    *invalid |= parsed.is_none();
    parsed
}

fn object<'a, T: Default + Deserialize<'a>>(text: Option<&'a RawValue>, invalid: &mut bool) -> T {
    let Some(text) = text else { return T::default() };
    serde_json::from_str(text.get()).unwrap_or_else(|_| {
        *invalid = true;
        T::default()
    })
}

/// A name; what is no text is a name that nothing has.
fn name(text: &RawValue) -> String {
    serde_json::from_str(text.get()).unwrap_or_else(|_| "?".to_owned())
}
