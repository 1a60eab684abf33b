//! What a token's claims prove, once its signature is known to be the issuer's.

use std::time::Duration;

use serde_json::Value;

use super::settings::{Settings, TenantFrom};
use super::token::Claims;
use super::{Proven, ProvenOwner, Reason};
use crate::domain::{KeyScope, KeyScopes, Tenant, Timestamp};

/// How far the issuer's clock may be from ours.
const LEEWAY_MS: i64 = 5_000;

/// The latest time that is taken as one: the last second of the year 9999.
const LATEST: Timestamp = Timestamp::from_micros(253_402_300_799_000_000);

/// The longest subject, as OpenID Connect Core 2 has it.
const MAX_SUBJECT: usize = 255;

/// What `claims` prove at `now`.
pub(super) fn prove(settings: &Settings, claims: &Claims, now: Timestamp) -> Result<Proven, Reason> {
    if claims.get("iss").and_then(Value::as_str) != Some(&settings.issuer) {
        return Err(Reason::Issuer);
    }
    if !claims.get("aud").is_some_and(|audience| holds(audience, &settings.audience)) {
        return Err(Reason::Audience);
    }
    let expires_at = check_times(settings, claims, now)?;
    let subject = claims.get("sub").and_then(Value::as_str).ok_or(Reason::Subject)?;
    if subject.is_empty() || subject.chars().count() > MAX_SUBJECT || subject.chars().any(char::is_control) {
        return Err(Reason::Subject);
    }
    let (owner, scopes) = if is_operators(settings, claims) {
        (ProvenOwner::Operator, KeyScopes::OPERATOR)
    } else {
        (ProvenOwner::Tenant(tenant(settings, claims)?), scopes(settings, claims)?)
    };
    Ok(Proven { issuer: settings.issuer.clone(), subject: subject.to_owned(), owner, scopes, expires_at })
}

/// Answers when the token expires, if it is valid now.
fn check_times(settings: &Settings, claims: &Claims, now: Timestamp) -> Result<Timestamp, Reason> {
    let soon = now.plus_millis(LEEWAY_MS);
    let expires_at = claims.get("exp").and_then(time).ok_or(Reason::Expiry)?;
    if now >= expires_at.plus_millis(LEEWAY_MS) {
        return Err(Reason::Expired);
    }
    // One that is there and no time is not taken for one that is absent.
    if claims.get("nbf").is_some_and(|not_before| time(not_before).is_none_or(|not_before| not_before > soon)) {
        return Err(Reason::NotYet);
    }
    // Without it nobody could say for how long the token is valid.
    let issued_at = claims.get("iat").and_then(time).filter(|issued_at| *issued_at <= soon).ok_or(Reason::IssuedAt)?;
    if expires_at > issued_at.plus_millis(settings.max_token_age_ms) {
        return Err(Reason::TooLasting);
    }
    Ok(expires_at)
}

fn is_operators(settings: &Settings, claims: &Claims) -> bool {
    let claim = settings.operator.as_ref().map(|(claim, value)| (claims.get(claim), value));
    claim.is_some_and(|(held, value)| held.is_some_and(|held| holds(held, value)))
}

fn tenant(settings: &Settings, claims: &Claims) -> Result<String, Reason> {
    let (claim, prefix) = match &settings.tenant {
        TenantFrom::Fixed(name) => return Ok(name.clone()),
        TenantFrom::Claim { name, prefix } => (name, prefix),
    };
    let name = claims.get(claim).and_then(Value::as_str).and_then(|text| text.strip_prefix(prefix.as_str()));
    let name = name.filter(|name| Tenant::check_name(name).is_ok()).ok_or(Reason::Tenant)?;
    Ok(name.to_owned())
}

/// What the token opens. Words that are no scopes of ours are other services', and `admin` is no tenant's to have.
fn scopes(settings: &Settings, claims: &Claims) -> Result<KeyScopes, Reason> {
    let Some(claim) = &settings.scopes_claim else { return Ok(settings.scopes) };
    let words: Vec<&str> = match claims.get(claim) {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => return Err(Reason::Scopes),
    };
    let ours = words.into_iter().filter(|word| KeyScope::parse(word).is_some_and(|scope| scope != KeyScope::Admin));
    KeyScopes::of_tenant(ours).ok().and_then(|asked| asked.and(settings.scopes)).ok_or(Reason::Scopes)
}

/// Whether a claim is `text`, or a list with it.
fn holds(claim: &Value, text: &str) -> bool {
    match claim {
        Value::Array(list) => list.iter().any(|entry| entry.as_str() == Some(text)),
        single => single.as_str() == Some(text),
    }
}

/// A time as tokens write it: seconds since the epoch, perhaps with a fraction.
fn time(claim: &Value) -> Option<Timestamp> {
    let since_epoch = match claim.as_u64() {
        Some(seconds) => Duration::from_secs(seconds),
        None => Duration::try_from_secs_f64(claim.as_f64()?).ok()?,
    };
    let time = Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).ok()?);
    (time <= LATEST).then_some(time)
}
