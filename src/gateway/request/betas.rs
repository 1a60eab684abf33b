//! Which features of the model API a call may turn on with `anthropic-beta`. One that is not known here could change what a
//! call costs or reaches, so it is refused until it was looked at, or the operator allows it.

use http::{HeaderMap, HeaderName};

use crate::gateway::reply::Refusal;

/// Where a call names the features.
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// The features that are allowed, and why. The pinned CLI can send those up to the line.
const ALLOWED: [(&str, &str); 42] = [
    ("advanced-tool-use-2025-11-20", "descriptions of tools that are loaded late are in the request"),
    ("afk-mode-2026-01-31", "changes how an agent that works alone is advised"),
    ("cache-diagnosis-2026-04-07", "tells why the cache was missed"),
    ("cache-keepalive-2026-09-03", "marks calls that keep the cache warm, which are metered like others"),
    ("claude-code-20250219", "names the caller as the CLI"),
    ("claude-code-side-query-2026-09-29", "marks the CLI's own small calls, which are metered like others"),
    ("context-1m-2025-08-07", "opens the whole context window, which is what is held for"),
    ("context-hint-2026-04-09", "lets the provider ask for a shorter conversation"),
    ("context-management-2025-06-27", "removes old content; the kinds of edits are checked"),
    ("effort-2025-11-24", "output is bounded by `max_tokens`"),
    ("extended-cache-ttl-2025-04-11", "the cache of an hour has a price"),
    ("inline-tools-2026-09-15", "tools within messages are checked like others"),
    ("interleaved-thinking-2025-05-14", "thinking is output and bounded by `max_tokens`"),
    ("mid-conversation-system-2026-04-07", "text"),
    ("mid-conversation-system-clear-at-2026-08-21", "text that ends with a turn"),
    ("mid-conversation-tool-changes-2026-07-01", "tools within messages are checked like others"),
    ("per-turn-control-2026-07-01", "effort for each message"),
    ("prompt-caching-evict-2026-05-12", "ends a cache entry early"),
    ("prompt-caching-scope-2026-01-05", "who shares a cache entry; writes have a price"),
    ("redact-thinking-2026-02-12", "thinking is encrypted; it is output and bounded by `max_tokens`"),
    ("structured-outputs-2025-12-15", "schemas are in the request and may not refer to others"),
    ("task-budgets-2026-03-13", "advises the model how much it may say"),
    ("thinking-binding-controls-2026-08-01", "which conversation a thought belongs to"),
    ("thinking-display-updates-2026-08-18", "how thinking is shown"),
    ("thinking-token-count-2026-05-13", "more usage is reported"),
    ("timing-2026-09-09", "times for each message"),
    ("tool-provenance-2026-10-26", "where a tool comes from"),
    ("tool-search-tool-2025-10-19", "descriptions of tools that are loaded late are in the request"),
    ("web-search-2025-03-05", "the tool itself is checked"),
    ("web-search-results-only-2026-11-15", "less of a search comes back"),
    // ---- sent by other clients ----
    ("compact-2026-01-12", "the step that summarizes is held for"),
    ("computer-use-2024-10-22", "the tool is run by the agent"),
    ("computer-use-2025-01-24", "the tool is run by the agent"),
    ("computer-use-2025-11-24", "the tool is run by the agent"),
    ("fine-grained-tool-streaming-2025-05-14", "how a tool's input streams"),
    ("output-128k-2025-02-19", "no answer is longer than the model's longest, which is held for"),
    ("pdfs-2024-09-25", "documents are counted"),
    ("prompt-caching-2024-07-31", "writes to the cache have a price"),
    ("search-results-2025-06-09", "text"),
    ("structured-outputs-2025-11-13", "schemas are in the request and may not refer to others"),
    ("token-counting-2024-11-01", "counting is free"),
    ("token-efficient-tools-2025-02-19", "fewer tokens for tools"),
];

/// The features that are known and refused, and why.
const REFUSED: [(&str, &str); 13] = [
    ("advisor-tool-", "another model answers at a price of its own"),
    ("code-execution-", "it runs programs at the provider"),
    ("environments-", "it runs programs at the provider"),
    ("fallback-credit-", "it settles calls of other models"),
    ("fast-mode-", "it costs more than the price a call is held at"),
    ("files-api-", "it names files that are stored with the provider for every tenant"),
    ("managed-agents-", "it runs agents at the provider"),
    ("mcp-", "the provider calls servers as often as it likes"),
    ("message-batches-", "a batch has no hold"),
    ("message-threads-", "the conversation is stored with the provider, so that its length is not known"),
    ("server-side-fallback-", "another model answers at a price of its own"),
    ("skills-", "it runs programs at the provider"),
    ("web-fetch-", "the provider reaches hosts as often as it likes"),
];

/// Refuses a call whose headers turn on a feature that is neither on the list nor in `more`, the operator's own.
pub(in crate::gateway) fn check(headers: &HeaderMap, more: &[String]) -> Result<(), Refusal> {
    for value in headers.get_all(BETA) {
        let value =
            value.to_str().map_err(|_| Refusal::not_accepted("the header `anthropic-beta` must be ASCII text"))?;
        for beta in value.split(',').map(str::trim).filter(|beta| !beta.is_empty()) {
            if !ALLOWED.iter().any(|(known, _)| *known == beta) && !more.iter().any(|known| known == beta) {
                return Err(refused(beta));
            }
        }
    }
    Ok(())
}

fn refused(beta: &str) -> Refusal {
    let shown: String = beta.chars().take(100).collect();
    match REFUSED.iter().find(|(prefix, _)| beta.starts_with(prefix)) {
        Some((_, why)) => Refusal::not_accepted(format_args!(
            "the feature `{shown}` of the header `anthropic-beta` cannot be used here, because {why}: remove it"
        )),
        None => Refusal::not_accepted(format_args!(
            "the feature `{shown}` of the header `anthropic-beta` is not on the list of those whose price is known: remove \
             it, or have `gateway.allowed_betas` name it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn verdict(values: &[&'static str], more: &[&str]) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(BETA, HeaderValue::from_static(value));
        }
        let more: Vec<_> = more.iter().map(|beta| (*beta).to_owned()).collect();
        check(&headers, &more).map_err(|refusal| refusal.message().to_owned())
    }

    #[test]
    fn every_value_of_every_header_line_is_checked() {
        assert_eq!(verdict(&[], &[]), Ok(()));
        assert_eq!(verdict(&["claude-code-20250219, effort-2025-11-24 ,,", "context-1m-2025-08-07"], &[]), Ok(()));
        for values in
            [&["brand-new-2027-01-01"][..], &["effort-2025-11-24", " claude-code-20250219,brand-new-2027-01-01"]]
        {
            let refused = verdict(values, &[]).unwrap_err();
            assert!(
                refused.contains("`brand-new-2027-01-01`") && refused.contains("gateway.allowed_betas"),
                "{refused}"
            );
            assert_eq!(verdict(values, &["brand-new-2027-01-01"]), Ok(()));
        }
        assert!(verdict(&["Effort-2025-11-24"], &[]).is_err());
        assert!(verdict(&["mcp-client-2025-04-04"], &[]).unwrap_err().contains("the provider calls servers"));
    }

    #[test]
    fn the_lists_are_sorted_and_disjoint() {
        let own = ALLOWED.iter().take_while(|(beta, _)| !beta.starts_with("compact-")).count();
        assert!(ALLOWED[..own].is_sorted() && ALLOWED[own..].is_sorted() && REFUSED.is_sorted());
        for (beta, why) in ALLOWED {
            assert!(!REFUSED.iter().any(|(prefix, _)| beta.starts_with(prefix)), "{beta}");
            assert!(!why.is_empty());
        }
    }
}
