//! Tokens: what a key buys for a few minutes, so that a browser need not hold the key, and for a minute, so that a stream
//! can be opened by an address alone.
//!
//! A token is a JWT signed with a secret of this installation. It opens at most what its key opens, for as long as
//! the key's record says so: revoking the key ends its tokens.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{KeyId, KeyScopes, SessionId, TenantId, Timestamp};

/// The longest a token is valid.
pub const MAX_TOKEN_SECONDS: u32 = 15 * 60;

/// How long a ticket is valid.
pub const TICKET_SECONDS: u32 = 60;

/// The longest token that is looked at.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

const ISSUER: &str = "innkeeper";
const SECRET_BYTES: usize = 32;

/// What signs and reads tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The key that bought it, or the identity that did.
    pub key: KeyId,
    /// The tenant it speaks for.
    pub tenant: TenantId,
    /// What it opens.
    pub scopes: KeyScopes,
    /// The one session it opens; `None` when it opens them all.
    pub session: Option<SessionId>,
    /// From when on it opens nothing.
    pub expires_at: Timestamp,
}

/// The claims, as RFC 7519 and RFC 8693 name them.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    tenant: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    iat: i64,
    exp: i64,
    jti: String,
}

impl Tokens {
    /// Reads the installation's secret from the file at `path`, or makes it.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let secret = match std::fs::read(path) {
            Ok(secret) if secret.len() >= SECRET_BYTES => secret,
            Ok(_) => {
                let why = format!("`{}` holds no secret; remove it, and a new one is made", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut secret = vec![0; SECRET_BYTES];
                getrandom::fill(&mut secret).map_err(io::Error::other)?;
                let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(&secret)?;
                file.sync_all()?;
                secret
            }
            Err(error) => return Err(error),
        };
        Ok(Self::new(&secret))
    }

    fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[audience(None), audience(Some(()))]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By our own clock, below.
        validation.validate_exp = false;
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), validation }
    }

    /// Writes a token.
    ///
    /// # Panics
    /// Never: plain claims and a secret always sign.
    pub fn issue(&self, ticket: &Ticket, now: Timestamp) -> String {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: audience(ticket.session.as_ref().map(|_| ())).to_owned(),
            sub: ticket.key.as_str().to_owned(),
            tenant: ticket.tenant.to_string(),
            scope: ticket.scopes.to_string(),
            session: ticket.session.map(|session| session.to_string()),
            iat: now.as_micros() / 1_000_000,
            exp: ticket.expires_at.as_micros() / 1_000_000,
            jti: Uuid::new_v4().simple().to_string(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .expect("plain claims and a secret always sign")
    }

    /// Reads a token that is ours and valid at `now`; what it was bought with is still to be asked.
    pub(super) fn read(&self, token: &str, now: Timestamp) -> Option<Ticket> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let expires_at = Timestamp::from_micros(claims.exp.checked_mul(1_000_000)?);
        let session = claims.session.map(|session| session.parse()).transpose().ok()?;
        let is_what_it_says = claims.aud == audience(session.map(|_: SessionId| ()));
        (is_what_it_says && now < expires_at).then_some(())?;
        Some(Ticket {
            key: KeyId::new(claims.sub),
            tenant: claims.tenant.parse().ok()?,
            scopes: claims.scope.parse().ok()?,
            session,
            expires_at,
        })
    }
}

/// Whether a token is signed the way ours are; any other is an issuer's.
pub(super) fn is_ours(token: &str) -> bool {
    jsonwebtoken::decode_header(token).is_ok_and(|header| header.alg == Algorithm::HS256)
}

/// Tickets are for one session's stream, and say so.
const fn audience(session: Option<()>) -> &'static str {
    match session {
        None => "innkeeper",
        Some(()) => "innkeeper-stream",
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn ticket(session: Option<SessionId>) -> Ticket {
        Ticket {
            key: KeyId::new("abc"),
            tenant: TenantId::generate(),
            scopes: KeyScopes::of_tenant(["sessions:read"]).unwrap(),
            session,
            expires_at: at(160),
        }
    }

    #[test]
    fn a_token_reads_back_until_its_end() {
        let tokens = Tokens::new(&[7; 32]);
        for ticket in [ticket(None), ticket(Some(SessionId::generate()))] {
            let text = tokens.issue(&ticket, at(100));
            assert!(is_ours(&text));
            assert_eq!(tokens.read(&text, at(159)), Some(ticket));
            assert_eq!(tokens.read(&text, at(160)), None);
        }
    }

    #[test]
    fn what_another_signed_or_nobody_is_no_token() {
        let (ours, other) = (Tokens::new(&[7; 32]), Tokens::new(&[8; 32]));
        let foreign = other.issue(&ticket(None), at(100));
        assert_eq!(ours.read(&foreign, at(100)), None);
        let text = ours.issue(&ticket(None), at(100));
        let (head, rest) = text.split_once('.').unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{rest}");
        assert!(!is_ours(&unsigned) && ours.read(&unsigned, at(100)).is_none());
        for broken in [format!("{head}."), format!("{head}.{}", "A".repeat(90)), String::new(), "..".to_owned()] {
            assert_eq!(ours.read(&broken, at(100)), None, "{broken}");
        }
    }

    #[test]
    fn the_secret_is_kept_and_is_nobody_else_s_to_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.key");
        let text = Tokens::open(&path).unwrap().issue(&ticket(None), at(100));
        assert!(Tokens::open(&path).unwrap().read(&text, at(100)).is_some());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(Tokens::open(&path).unwrap_err().to_string().contains("remove it"));
    }
}
