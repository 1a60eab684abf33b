//! A signed token taken apart (RFC 7515, 7519), and its signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Reason;
use super::keys::Key;
use crate::config::OidcAlgorithm;

/// The longest token that is read.
const MAX_LEN: usize = 8 * 1024;

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// A token whose signature was not checked yet.
pub(super) struct Token<'a> {
    signed: &'a str,
    signature: &'a str,
    header: Map<String, Value>,
    /// Believed for nothing but the issuer's name.
    unverified: Claims,
}

impl<'a> Token<'a> {
    /// Takes `text` apart.
    pub(super) fn read(text: &'a str) -> Result<Self, Reason> {
        if text.len() > MAX_LEN {
            return Err(Reason::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Reason::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::Form)?;
        let (header, unverified) = (object(header)?, object(claims)?);
        if header.contains_key("crit") {
            return Err(Reason::Critical);
        }
        let is_ours = |typ: &str| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt");
        if header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(is_ours)) {
            return Err(Reason::Type);
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(Reason::KeyId);
        }
        Ok(Self { signed, signature, header, unverified })
    }

    /// Who issued it, by its own word.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.unverified.get("iss")?.as_str()
    }

    /// What it is signed with, by its own word, if that is anything that could be in the settings.
    pub(super) fn algorithm(&self) -> Option<OidcAlgorithm> {
        OidcAlgorithm::parse(self.header.get("alg")?.as_str()?)
    }

    /// The id of the key it is signed with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }

    /// What it says, if it was signed with `key`.
    pub(super) fn verified_with(self, key: &Key) -> Result<Claims, Reason> {
        if key.signed(self.signed.as_bytes(), self.signature) { Ok(self.unverified) } else { Err(Reason::Signature) }
    }
}

fn object(part: &str) -> Result<Map<String, Value>, Reason> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Form)?;
    serde_json::from_slice(&json).map_err(|_| Reason::Form)
}
