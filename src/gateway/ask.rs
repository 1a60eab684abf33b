//! What of a call's body decides its price, and so what is held for it. The rest is the provider's business.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::estimate;
use super::price::PriceTable;
use super::price_modifiers::{Modifiers, Region, Speed};
use super::reply::Refusal;
use crate::domain::{Ask, Usage};

/// The shortest limit of an answer that is still of use to the agent, in tokens.
const LEAST_TOKENS: u64 = 4_096;

/// Tokens a tool of the provider's own may add to the prompt.
const PROVIDERS_TOOL_TOKENS: u64 = 10_000;

/// The fields that are read. One that is there twice is refused, because the provider may read the other one.
#[derive(Deserialize)]
struct Body<'a> {
    model: String,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    thinking: Option<Thinking>,
    tools: Option<Vec<Tool>>,
    context_management: Option<ContextManagement>,
    speed: Option<String>,
    inference_geo: Option<String>,
    fallbacks: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Thinking {
    budget_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Tool {
    r#type: Option<String>,
    max_uses: Option<u64>,
}

#[derive(Deserialize)]
struct ContextManagement {
    edits: Option<Vec<Edit>>,
}

#[derive(Deserialize)]
struct Edit {
    r#type: String,
}

/// What a call asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The model.
    pub(super) model: String,
    /// What it may cost.
    pub(super) ask: Ask,
    /// What of that the steps after the first may cost beside their output, in pico-dollars.
    pub(super) later_picos: u128,
    /// How many steps it may take: a step reads its input again.
    pub(super) steps: u64,
    /// What changes its price.
    pub(super) modifiers: Modifiers,
}

/// Reads a call's body.
///
/// # Errors
/// When it is no call, or its price cannot be told from the table.
pub(super) fn read(body: &[u8], prices: &PriceTable) -> Result<Asked, Refusal> {
    let asked: Body<'_> = serde_json::from_slice(body).map_err(Refusal::malformed)?;
    let modifiers = asked.modifiers()?;
    if !prices.has_price(&asked.model, modifiers) {
        return Err(Refusal::unpriced_model(&asked.model));
    }
    let (searches, providers_tools) = asked.tools()?;
    let max_tokens = asked.max_tokens()?;
    let thinking = asked.thinking.as_ref().and_then(|thinking| thinking.budget_tokens).unwrap_or_default();
    let input = estimate::most_input(body, providers_tools * PROVIDERS_TOOL_TOKENS);
    // Each search, and each compaction, has the model read its whole input again.
    let steps = 1 + searches + u64::from(asked.compacts());
    let step_picos = prices.picos_with(&asked.model, &input, modifiers);
    let input_picos = step_picos.saturating_mul(u128::from(steps));
    let found = Usage { web_search_requests: searches, ..Usage::default() };
    let search_picos = prices.picos_with(&asked.model, &found, modifiers);
    let ask = Ask {
        input_picos: input_picos.saturating_add(search_picos),
        output_picos: prices.output_picos(&asked.model, input.prompt_tokens(), modifiers).saturating_mul(steps),
        max_tokens,
        least_tokens: LEAST_TOKENS.max(thinking.saturating_add(1)).min(max_tokens),
    };
    let later_picos = ask.input_picos.saturating_sub(step_picos);
    Ok(Asked { model: asked.model, ask, later_picos, steps, modifiers })
}

/// The body with another `max_tokens`, byte for byte the same elsewhere: the one change the gateway ever makes.
pub(super) fn with_max_tokens(body: &Bytes, max_tokens: u64) -> Bytes {
    let parsed: Result<Body<'_>, _> = serde_json::from_slice(body);
    let Some(old) = parsed.ok().and_then(|body| body.max_tokens) else { return body.clone() };
    // The value borrows from the body, so its address tells where it stands.
    let at = old.get().as_ptr().addr() - body.as_ptr().addr();
    let mut changed = BytesMut::with_capacity(body.len() + 20);
    changed.extend_from_slice(&body[..at]);
    changed.extend_from_slice(max_tokens.to_string().as_bytes());
    changed.extend_from_slice(&body[at + old.get().len()..]);
    changed.freeze()
}

impl Body<'_> {
    /// How fast and where the call is to be served: what costs more than the listed price is refused.
    fn modifiers(&self) -> Result<Modifiers, Refusal> {
        let modifiers = Modifiers::named(self.speed.as_deref(), self.inference_geo.as_deref());
        if modifiers.speed != Speed::Standard {
            return Err(Refusal::unpriceable("a `speed` other than `standard`"));
        }
        if modifiers.region != Region::Global {
            return Err(Refusal::unpriceable("an `inference_geo` other than `global`"));
        }
        if self.fallbacks.is_some() { Err(Refusal::unpriceable("`fallbacks`")) } else { Ok(modifiers) }
    }

    /// How many searches may be made, and how many tools of the provider's own there are.
    fn tools(&self) -> Result<(u64, u64), Refusal> {
        let (mut searches, mut providers_tools) = (0_u64, 0);
        for tool in self.tools.iter().flatten() {
            let Some(kind) = tool.r#type.as_deref().filter(|kind| *kind != "custom") else { continue };
            providers_tools += 1;
            if kind.starts_with("web_search_") {
                let most = tool.max_uses.ok_or_else(|| Refusal::unpriceable("a web search without `max_uses`"))?;
                searches = searches.saturating_add(most);
            } else if ["web_fetch_", "code_execution_", "advisor_", "mcp_"].iter().any(|tool| kind.starts_with(tool)) {
                return Err(Refusal::unpriceable(&format!("the tool `{kind}`")));
            }
        }
        Ok((searches, providers_tools))
    }

    /// A call without a limit is refused by the model API, and costs nothing.
    fn max_tokens(&self) -> Result<u64, Refusal> {
        let limit = self.max_tokens.map(|limit| serde_json::from_str(limit.get())).transpose();
        Ok(limit.map_err(Refusal::malformed)?.unwrap_or_default())
    }

    fn compacts(&self) -> bool {
        let edits = self.context_management.iter().flat_map(|management| management.edits.iter().flatten());
        edits.into_iter().any(|edit| edit.r#type.starts_with("compact"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::price_file;

    fn asked(body: &str) -> Result<Ask, Refusal> {
        read(body.as_bytes(), &price_file::built_in().unwrap()).map(|asked| asked.ask)
    }

    #[test]
    fn a_call_asks_for_its_bytes_and_the_longest_answer() {
        let body = r#"{"model":"claude-sonnet-5-5","max_tokens":32000}"#;
        let tokens = 2_000 + body.len() as u128;
        let expected =
            Ask { input_picos: tokens * 2_000_000, output_picos: 10_000_000, max_tokens: 32_000, least_tokens: 4_096 };
        assert_eq!(asked(body).unwrap(), expected);
        let cached = asked(r#"{"model":"claude-sonnet-5-5","max_tokens":9,"system":[{"cache_control":{}}]}"#).unwrap();
        assert_eq!(cached.input_picos % 2_500_000, 0);
        assert_eq!(cached.least_tokens, 9);
    }

    #[test]
    fn an_answer_is_long_enough_for_its_thinking() {
        let body = r#"{"model":"claude-sonnet-5-5","max_tokens":32000,"thinking":{"budget_tokens":10000}}"#;
        assert_eq!(asked(body).unwrap().least_tokens, 10_001);
    }

    #[test]
    fn every_search_is_held_for() {
        let with = |tools: &str| asked(&format!(r#"{{"model":"claude-sonnet-5-5","max_tokens":1,"tools":[{tools}]}}"#));
        let one = with(r#"{"type":"web_search_20250305","name":"web_search","max_uses":1}"#).unwrap();
        let two = with(r#"{"type":"web_search_20250305","name":"web_search","max_uses":2}"#).unwrap();
        assert!(two.input_picos > one.input_picos + 10_000_000_000);
        for refused in [r#"{"type":"web_search_20250305"}"#, r#"{"type":"code_execution_20250825"}"#] {
            assert!(with(refused).is_err(), "{refused}");
        }
        assert!(with(r#"{"name":"Bash","input_schema":{}}"#).is_ok());
    }

    #[test]
    fn only_the_limit_of_a_body_is_changed() {
        let body =
            Bytes::from_static(br#"{ "a": {"max_tokens":1}, "max_tokens" : 32000 ,"model":"m", "x":"max_tokens"}"#);
        let changed = with_max_tokens(&body, 512);
        let expected = r#"{ "a": {"max_tokens":1}, "max_tokens" : 512 ,"model":"m", "x":"max_tokens"}"#;
        assert_eq!(changed, expected);
        let none = Bytes::from_static(br#"{"model":"m"}"#);
        assert_eq!(with_max_tokens(&none, 512), none);
    }
}
