//! What is counted while a request is read: everything that decides how much it can cost.

use serde_json::value::RawValue;

use super::object::{Object, Path};
use super::size::{self, MAX_DEPTH};
use crate::domain::EgressHost;
use crate::gateway::price::ModelLimits;
use crate::gateway::reply::Refusal;

/// What a sandbox may have the provider do.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Policy<'p> {
    /// The hosts the sandbox may reach, by itself or through the provider.
    pub(in crate::gateway) egress: &'p [EgressHost],
    /// Whether the installation lets the provider search the whole web.
    pub(in crate::gateway) web_search: bool,
    /// The only tools the tenant's sessions have; `None` for any.
    pub(in crate::gateway) tools: Option<&'p [String]>,
}

/// How long a request asks that its prompt is cached: the more expensive the later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cached {
    /// Not at all.
    #[default]
    Never,
    /// For five minutes.
    Minutes,
    /// For an hour.
    Hour,
}

/// A host the provider would fetch something from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Fetch {
    /// Its name.
    pub(in crate::gateway) host: String,
    /// Its port.
    pub(in crate::gateway) port: u16,
}

/// What was counted so far.
#[derive(Debug)]
pub(super) struct Tally<'t> {
    /// What the sandbox may have the provider do.
    pub(super) policy: Policy<'t>,
    /// The limits of the model asked for.
    pub(super) limits: ModelLimits,
    /// Tokens beyond one for each byte of the request.
    pub(super) extra_tokens: u64,
    /// Bytes of the request that are no text.
    pub(super) media_bytes: u64,
    /// How long the prompt is to be cached.
    pub(super) cached: Cached,
    /// Whether there is something of which only the provider can tell how many tokens it is.
    pub(super) is_unbounded: bool,
    /// Whether the provider fetches something, so that its count now says nothing of the call later.
    pub(super) is_fetched: bool,
    /// Searches the provider may make.
    pub(super) searches: u64,
    /// Tools whose description the provider adds by itself.
    pub(super) provider_tools: u64,
    /// Mentions of tools, each of which may put the tool's description into the prompt again.
    pub(super) tool_mentions: u64,
    /// The longest description of a tool.
    pub(super) longest_tool: u64,
    /// Whether the provider is asked to summarize the conversation in a step of its own.
    pub(super) compacts: bool,
    /// What the provider fetches from granted hosts.
    pub(super) fetches: Vec<Fetch>,
    /// A host that was asked for and is not granted.
    pub(super) denied: Option<Fetch>,
}

impl<'t> Tally<'t> {
    /// Nothing was read yet.
    pub(super) fn new(policy: Policy<'t>, limits: ModelLimits) -> Self {
        Self {
            policy,
            limits,
            extra_tokens: 0,
            media_bytes: 0,
            cached: Cached::Never,
            is_unbounded: false,
            is_fetched: false,
            searches: 0,
            provider_tools: 0,
            tool_mentions: 0,
            longest_tool: 0,
            compacts: false,
            fetches: Vec::new(),
            denied: None,
        }
    }

    /// Counts further tokens.
    pub(super) fn add(&mut self, tokens: u64) {
        self.extra_tokens = self.extra_tokens.saturating_add(tokens);
    }

    /// Takes a string that is no text out of the bytes, because it was counted in another way.
    pub(super) fn is_media(&mut self, raw: &RawValue) {
        self.media_bytes = self.media_bytes.saturating_add(size::size(raw).plain);
    }

    /// A value of any form, which the provider may write into the prompt as JSON again.
    pub(super) fn free(&mut self, raw: &RawValue, path: &Path<'_>) -> Result<(), Refusal> {
        let size = size::size(raw);
        if size.depth > MAX_DEPTH {
            return Err(path.refuse(format_args!("is nested deeper than {MAX_DEPTH} levels: flatten it")));
        }
        self.add(size.escaped - size.plain.min(size.escaped));
        Ok(())
    }

    /// The values of any form at `keys`.
    pub(super) fn free_at(&mut self, object: &Object<'_, '_>, keys: &[&str]) -> Result<(), Refusal> {
        keys.iter().try_for_each(|key| match object.get(key) {
            Some(raw) => self.free(raw, &object.path().key(key)),
            None => Ok(()),
        })
    }

    /// Reads an object's `cache_control`.
    pub(super) fn cache_control(&mut self, object: &Object<'_, '_>) -> Result<(), Refusal> {
        let Some(raw) = object.get("cache_control") else { return Ok(()) };
        let path = object.path().key("cache_control");
        let control = Object::open(raw, &path)?;
        control.only(&["type", "ttl", "scope"])?;
        let cached = match control.text("ttl")?.as_deref() {
            None | Some("5m") => Cached::Minutes,
            Some("1h") => Cached::Hour,
            Some(_) => return Err(path.key("ttl").refuse("must be `5m` or `1h`, which are the ones with a price")),
        };
        self.cached = self.cached.max(cached);
        Ok(())
    }
}
