//! Tokens of OpenID Connect issuers, taken where a key is: from the token's text to whom it proves.
//!
//! The way of a token:
//!
//! 1. Its length, then its three parts ([`token`]). The claims are read before the signature is checked, to learn which
//!    issuer the token says it is of, and are believed for nothing else.
//! 2. That issuer's key for it ([`cache`], [`fetch`], [`keys`]). What the token's own header says of where a key is, is
//!    not read: the key comes from the issuer's address in the settings, or from nowhere.
//! 3. The signature, with an algorithm the settings list and the key is for.
//! 4. The claims ([`claims`]): for us, of now, not valid for too long, and whom they name.
//!
//! All of that is done for each token each time, because a signature costs little beside a request.

mod cache;
mod claims;
mod fetch;
mod keys;
mod refused;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use self::cache::KeyCache;
use self::settings::Settings;
use self::token::Token;
use crate::config::OidcConfig;
use crate::domain::{Clock, KeyScopes, Timestamp};

pub use refused::{Reason, Refused};
pub use settings::OidcError;

/// Issuers whose tokens are taken where a key is.
#[derive(Debug)]
pub struct Issuers {
    issuers: Vec<Issuer>,
    clock: Arc<dyn Clock>,
}

/// What a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Who issued it.
    pub issuer: String,
    /// Whom the issuer issued it to. Two issuers may mean different people by the same subject.
    pub subject: String,
    /// Whom it speaks for.
    pub owner: ProvenOwner,
    /// What it opens.
    pub scopes: KeyScopes,
    /// When it proves nothing any more.
    pub expires_at: Timestamp,
}

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvenOwner {
    /// The tenant of this name, if there is one.
    Tenant(String),
    /// The operators of the installation.
    Operator,
}

#[derive(Debug)]
struct Issuer {
    settings: Settings,
    keys: KeyCache,
}

impl Issuers {
    /// Checks the settings. Nothing is asked of an issuer before its first token comes.
    ///
    /// # Errors
    /// When a setting cannot be used; the message names it.
    pub fn new(config: &[OidcConfig], clock: Arc<dyn Clock>) -> Result<Self, OidcError> {
        let mut issuers: Vec<Issuer> = Vec::with_capacity(config.len());
        for entry in config {
            let settings = Settings::new(entry)?;
            if issuers.iter().any(|other| other.settings.issuer == settings.issuer) {
                return Err(OidcError::Twice(settings.issuer));
            }
            let keys = KeyCache::new(&settings, Arc::clone(&clock))?;
            issuers.push(Issuer { settings, keys });
        }
        Ok(Self { issuers, clock })
    }

    /// Answers what `token` proves now.
    ///
    /// # Errors
    /// When it proves nothing, or that cannot be found out now.
    pub async fn verify(&self, token: &str) -> Result<Proven, Refused> {
        let token = Token::read(token)?;
        let named = token.issuer().and_then(|name| self.issuers.iter().find(|issuer| issuer.settings.issuer == name));
        let Issuer { settings, keys } = named.ok_or(Reason::Issuer)?;
        let algorithm = token.algorithm().filter(|algorithm| settings.algorithms.contains(algorithm));
        let key = keys.find(token.key_id(), algorithm.ok_or(Reason::Algorithm)?).await?;
        let claims = token.verified_with(&key)?;
        Ok(claims::prove(settings, &claims, self.clock.now())?)
    }
}
