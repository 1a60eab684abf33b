//! What a call asks for: the model, the most it can cost, and what the provider does for it.

use bytes::{Bytes, BytesMut};

use super::price::{ModelLimits, PriceTable};
use super::price_modifiers::Modifiers;
use super::reply::Refusal;
use super::request::{self, Contents, Fetch, Policy};
use crate::domain::Ask;

/// The limits that a request is read by whose model is not known: it is only counted, so that nothing is held for it.
const UNKNOWN_MODEL: ModelLimits = ModelLimits { context: 0, max_output: 0, max_image: 0 };

/// What a call is read by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'r> {
    /// What the sandbox may have the provider do.
    pub(super) policy: Policy<'r>,
    /// The only models of the sandbox's tenant; `None` for any.
    pub(super) models: Option<&'r [String]>,
    /// What models cost.
    pub(super) prices: &'r PriceTable,
}

/// What a call asks for.
#[derive(Debug)]
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
    /// What the request carries.
    pub(super) contents: Contents,
}

/// Reads a call's body. A host the provider would have to reach and may not is left in `denied`.
///
/// # Errors
/// When it is no call, carries what is not on the list, or its price cannot be told from the table.
pub(super) fn read(body: &[u8], rules: Rules<'_>, denied: &mut Option<Fetch>) -> Result<Asked, Refusal> {
    let body = request::open(body)?;
    let name = body.required_text("model")?;
    let found = rules.prices.find(&name).ok_or_else(|| Refusal::unpriced_model(&name))?;
    request::check_model(&name, rules.models, rules.prices)?;
    let contents = request::read(&body, rules.policy, found.limits, denied)?;
    let modifiers = Modifiers::named(body.text("speed")?.as_deref(), body.text("inference_geo")?.as_deref());
    if !rules.prices.has_price(&name, modifiers) {
        return Err(Refusal::unpriceable(&format!("this `speed` of the model `{name}`")));
    }
    let bound = contents.ask(found, None, rules.prices)?;
    Ok(Asked {
        model: name.into_owned(),
        ask: bound.ask,
        later_picos: bound.later_picos,
        steps: bound.steps,
        modifiers,
        contents,
    })
}

/// Checks a body whose tokens are to be counted, which costs nothing: it may carry what a call may carry.
///
/// # Errors
/// When it carries something else.
pub(super) fn check_count(body: &[u8], rules: Rules<'_>, denied: &mut Option<Fetch>) -> Result<Contents, Refusal> {
    let body = request::open(body)?;
    let model = body.text("model")?;
    let limits = match model.as_deref() {
        Some(name) => {
            request::check_model(name, rules.models, rules.prices)?;
            rules.prices.find(name).map_or(UNKNOWN_MODEL, |found| found.limits)
        }
        None => UNKNOWN_MODEL,
    };
    request::read(&body, rules.policy, limits, denied)
}

impl Asked {
    /// Bounds the input by what the provider `counted`.
    pub(super) fn bound_by(&mut self, counted: u64, prices: &PriceTable) {
        let bound = prices.find(&self.model).and_then(|found| self.contents.ask(found, Some(counted), prices).ok());
        if let Some(bound) = bound {
            (self.ask, self.later_picos) = (bound.ask, bound.later_picos);
        }
    }
}

/// The body with another `max_tokens`, byte for byte the same elsewhere: the one change the gateway ever makes.
pub(super) fn with_max_tokens(body: &Bytes, max_tokens: u64) -> Bytes {
    let fields = request::open(body).ok();
    let Some(old) = fields.and_then(|fields| fields.get("max_tokens")) else { return body.clone() };
    // The value borrows from the body, so its address tells where it stands.
    let at = old.get().as_ptr().addr() - body.as_ptr().addr();
    let mut changed = BytesMut::with_capacity(body.len() + 20);
    changed.extend_from_slice(&body[..at]);
    changed.extend_from_slice(max_tokens.to_string().as_bytes());
    changed.extend_from_slice(&body[at + old.get().len()..]);
    changed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_limit_of_a_body_is_changed() {
        let body = Bytes::from_static(
            br#"{ "a": {"max_tokens":1}, "max_tok\u0065ns" : 32000 ,"model":"m", "x":"max_tokens"}"#,
        );
        let changed = with_max_tokens(&body, 512);
        let expected = r#"{ "a": {"max_tokens":1}, "max_tok\u0065ns" : 512 ,"model":"m", "x":"max_tokens"}"#;
        assert_eq!(changed, expected);
        let none = Bytes::from_static(br#"{"model":"m"}"#);
        assert_eq!(with_max_tokens(&none, 512), none);
    }
}
