//! Why a token proves nothing. A reason holds nothing of the token, so that a log is safe from what callers send.

/// Why a token lets nobody in. What is shown is the same for all invalid tokens; the reason is its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It proves nothing, for a reason that the log may tell and the caller may not know.
    #[error("the token proves nothing")]
    Invalid(#[source] Reason),
    /// The issuer's keys cannot be had now, so nobody knows what it proves. It may be sent again in a moment.
    #[error("the keys of the token's issuer cannot be had now")]
    Unavailable,
}

/// Why a token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is not even read.
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// It is no signed token.
    #[error("the token is not three parts of base64url with JSON in the first two")]
    Form,
    /// Its header has `crit`.
    #[error("the token's header has `crit`, and nothing that could be critical is understood")]
    Critical,
    /// Its header has another `typ`.
    #[error("the token's `typ` is neither `JWT` nor `at+jwt`")]
    Type,
    /// Its header has a `kid` that is no text.
    #[error("the token's `kid` is not text")]
    KeyId,
    /// Its `iss` is no issuer's of the settings.
    #[error("the token's `iss` is not the `issuer` of any `auth.oidc`")]
    Issuer,
    /// Its `alg` is not in the settings.
    #[error("the token's `alg` is not one of the issuer's `algorithms`")]
    Algorithm,
    /// The issuer has no such key.
    #[error("the issuer has no key with the token's `kid` that is for its `alg`")]
    UnknownKey,
    /// The issuer has several keys it could be of: it has no `kid`, or the issuer has two with the same.
    #[error("the issuer has more than one key for the token's `alg` that it could be of")]
    Ambiguous,
    /// It was not signed with the issuer's key.
    #[error("the token's signature is not of the issuer's key")]
    Signature,
    /// It is for others.
    #[error("the token's `aud` does not hold the issuer's `audience`")]
    Audience,
    /// It names nobody.
    #[error("the token's `sub` is not a text of 1 to 255 characters without control characters")]
    Subject,
    /// It has no `exp`, or one that is no time.
    #[error("the token's `exp` is missing or no time")]
    Expiry,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` is no time, or not yet.
    #[error("the token is not valid yet: its `nbf` is no time, or to come")]
    NotYet,
    /// Its `iat` is missing, no time, or to come.
    #[error("the token's `iat` is missing, no time, or to come")]
    IssuedAt,
    /// It is valid for too long.
    #[error("the token is valid for longer than `max_token_age_ms`")]
    TooLasting,
    /// It names no tenant.
    #[error("the token's `tenant_claim` is missing or no text, or lacks the `tenant_prefix`, or names no tenant")]
    Tenant,
    /// It opens nothing.
    #[error("the token's `scopes_claim` holds none of the issuer's `scopes`")]
    Scopes,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}
