//! The tools a request offers to the model: those the agent runs, those the provider describes, and those it runs.

use serde_json::value::RawValue;

use super::object::{Object, Path, each};
use super::size;
use super::tally::{Fetch, Tally};
use crate::gateway::reply::Refusal;

/// The most searches one call may have the provider make.
const MAX_SEARCHES: u64 = 100;

/// The CLI's name for the tool that searches the web.
const WEB_SEARCH: &str = "WebSearch";

/// What any tool may say.
const COMMON: [&str; 8] = [
    "type",
    "name",
    "cache_control",
    "strict",
    "defer_loading",
    "allowed_callers",
    "input_examples",
    "eager_input_streaming",
];

/// Tools that the agent runs and the provider describes, and what they may say beside that.
const DESCRIBED: [(&str, &[&str]); 11] = [
    ("bash_20241022", &[]),
    ("bash_20250124", &[]),
    ("text_editor_20241022", &[]),
    ("text_editor_20250124", &[]),
    ("text_editor_20250429", &[]),
    ("text_editor_20250728", &["max_characters"]),
    ("computer_20241022", COMPUTER),
    ("computer_20250124", COMPUTER),
    ("computer_20251124", COMPUTER),
    ("memory_20250818", &[]),
    ("web_search_20250305", &["max_uses", "allowed_domains", "blocked_domains", "user_location", "search_profile"]),
];

const COMPUTER: &[&str] = &["display_width_px", "display_height_px", "display_number", "enable_zoom"];

/// Reads `tools`.
pub(super) fn tools(raw: &RawValue, path: &Path<'_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    each(raw, path, |raw, path| tool(raw, path, tally))
}

/// Reads one tool.
pub(super) fn tool(raw: &RawValue, path: &Path<'_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let tool = Object::open(raw, path)?;
    tally.cache_control(&tool)?;
    tally.longest_tool = tally.longest_tool.max(size::size(raw).escaped);
    tally.free_at(&tool, &["input_examples", "allowed_callers"])?;
    let kind = tool.text("type")?;
    match kind.as_deref() {
        None | Some("custom") => {
            tool.only(&[&COMMON[..], &["description", "input_schema"]].concat())?;
            schema(&tool, "input_schema", tally)
        }
        Some(kind) => match DESCRIBED.iter().find(|(known, _)| *known == kind) {
            Some((_, more)) => {
                tool.only(&[&COMMON[..], more].concat())?;
                tally.provider_tools += 1;
                if kind == "web_search_20250305" { web_search(&tool, tally) } else { Ok(()) }
            }
            None => Err(refused(kind, path)),
        },
    }
}

/// Reads a JSON schema, which must be complete: the provider fetches nothing to understand it.
pub(super) fn schema(object: &Object<'_, '_>, key: &str, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let Some(raw) = object.get(key) else { return Ok(()) };
    let path = object.path().key(key);
    tally.free(raw, &path)?;
    match size::foreign_reference(raw) {
        Some(_) => {
            Err(path
                .refuse("refers to a schema outside of itself: put the schema in its place, or begin `$ref` with `#`"))
        }
        None => Ok(()),
    }
}

fn refused(kind: &str, path: &Path<'_>) -> Refusal {
    let kind: String = kind.chars().take(100).collect();
    let why = if kind.starts_with("web_fetch_") || kind.starts_with("mcp_") {
        "the provider would reach hosts for it as often as it likes"
    } else {
        "it is not on the list of tools that have a price here"
    };
    path.key("type")
        .refuse(format_args!("is the tool `{kind}`, which cannot be used here, because {why}: remove the tool"))
}

/// Searching is a way out: what is searched for reaches others. It needs the tenant's tool, and either the whole web or the
/// hosts that are searched.
fn web_search(tool: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let path = tool.path();
    tally.free_at(tool, &["allowed_domains", "blocked_domains", "user_location"])?;
    if tally.policy.tools.is_some_and(|tools| !tools.iter().any(|tool| tool == WEB_SEARCH)) {
        return Err(path.refuse(format_args!("searches the web, and the tenant's tools do not include `{WEB_SEARCH}`")));
    }
    if !tally.policy.web_search {
        searched_hosts(tool, tally)?;
    }
    let Some(searches) = tool.whole("max_uses")? else {
        return Err(path.key("max_uses").refuse("is missing: a web search without `max_uses` has no bound"));
    };
    tally.searches = tally.searches.saturating_add(searches);
    if tally.searches > MAX_SEARCHES {
        return Err(path
            .key("max_uses")
            .refuse(format_args!("is too large: a call may search {MAX_SEARCHES} times at most")));
    }
    Ok(())
}

/// Every domain the search is confined to must be granted, with all below it.
fn searched_hosts(tool: &Object<'_, '_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let path = tool.path().key("allowed_domains");
    let mut domains = Vec::new();
    if let Some(raw) = tool.get("allowed_domains") {
        each(raw, &path, |raw, path| {
            domains.push(super::object::text(raw, path)?.to_ascii_lowercase());
            Ok(())
        })?;
    }
    let may_reach = |host: &str| tally.policy.egress.iter().any(|grant| grant.admits(host, 443));
    // A label that nobody has stands for every host below the domain.
    let foreign = domains.iter().find(|domain| !may_reach(domain) || !may_reach(&format!("x.{domain}")));
    if domains.is_empty() || foreign.is_some() {
        let host = foreign.map_or("*", |domain| domain.as_str()).chars().take(253).collect();
        tally.denied = Some(Fetch { host, port: 443 });
        return Err(tool.path().refuse(
            "searches the web, which reaches others: it needs `egress.web_search` in the settings, or `allowed_domains` \
             that the session's egress policy grants together with all hosts below them",
        ));
    }
    tally.fetches.extend(domains.into_iter().map(|host| Fetch { host, port: 443 }));
    Ok(())
}
