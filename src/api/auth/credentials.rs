//! Where a request carries its key: in a header, never in the URL, which ends up in logs and histories.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use super::tokens::MAX_TOKEN_BYTES;
use crate::domain::{PlainKey, Secret};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The longest user and password that are decoded: what is longer holds no key.
const MAX_BASIC_BYTES: usize = 512;

/// What a caller shows to be let in.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// A key.
    Key(PlainKey),
    /// Something signed: one of our tokens, or an issuer's.
    Token(Secret),
    /// A ticket in the address, where nothing else may be.
    Ticket(Secret),
}

/// The credential of a request: the first well-formed one of `x-api-key`, `Authorization: Bearer`, and the user and the
/// password of `Authorization: Basic`. The last two are what a client sends whose base URL is `http://KEY:@host`; a
/// token does not fit there.
pub(super) fn presented(headers: &HeaderMap) -> Option<Credential> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(X_API_KEY).and_then(|value| parse(value.trim())).or_else(|| authorization(text(AUTHORIZATION)?))
}

/// Whether the credential that counts is one that a browser adds by itself, whichever page makes the request.
pub(super) fn is_ambient(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text(AUTHORIZATION).and_then(|value| value.trim().split_once(' ')).map(|(scheme, _)| scheme);
    let is_basic = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"));
    is_basic && text(X_API_KEY).and_then(|value| parse(value.trim())).is_none()
}

fn parse(text: &str) -> Option<Credential> {
    let token = || is_token(text).then(|| Credential::Token(Secret::new(text)));
    PlainKey::parse(text).map(Credential::Key).or_else(token)
}

/// Whether a text has the form of a signed token: three parts of base 64.
pub(super) fn is_token(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    text.len() <= MAX_TOKEN_BYTES && text.split('.').count() == 3 && text.split('.').all(is_part)
}

fn authorization(value: &str) -> Option<Credential> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        parse(credentials)
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(credentials).map(Credential::Key)
    } else {
        None
    }
}

fn basic(credentials: &str) -> Option<PlainKey> {
    let mut decoded = [0; MAX_BASIC_BYTES];
    let length = BASE64.decode_slice(credentials, &mut decoded).ok()?;
    let (user, password) = std::str::from_utf8(&decoded[..length]).ok()?.split_once(':')?;
    unescaped(user).or_else(|| unescaped(password))
}

/// Not every client undoes the escapes of the URL it took the key from.
fn unescaped(text: &str) -> Option<PlainKey> {
    PlainKey::parse(&percent_decode_str(text).decode_utf8().ok()?)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::domain::KeyOwner;

    fn found(headers: &[(HeaderName, &str)]) -> Option<String> {
        let value = |value: &str| HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let headers = headers.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        presented(&headers).map(|credential| match credential {
            Credential::Key(key) => key.expose().to_owned(),
            Credential::Token(token) | Credential::Ticket(token) => token.expose().to_owned(),
        })
    }

    fn basic(user_and_password: &str) -> String {
        format!("Basic {}", BASE64.encode(user_and_password))
    }

    fn key() -> String {
        PlainKey::generate(KeyOwner::Operator).expose().to_owned()
    }

    #[test]
    fn a_key_is_found_wherever_clients_put_it() {
        let key = key();
        let escaped = key.replace('_', "%5F");
        assert_eq!(found(&[(X_API_KEY, &key)]).as_ref(), Some(&key));
        for value in [
            format!("Bearer {key}"),
            format!("bearer   {key} "),
            basic(&format!("{key}:")),
            basic(&format!("x:{key}")),
            basic(&format!(":{key}")),
            basic(&format!("{key}:x:y")),
            basic(&format!("{escaped}:")),
            basic(&format!("é:{key}")).replace("Basic", "BASIC"),
        ] {
            assert_eq!(found(&[(AUTHORIZATION, &value)]).as_ref(), Some(&key), "{value}");
        }
    }

    #[test]
    fn a_token_is_found_by_its_form() {
        let token = "eyJhbGciOiJub25lIn0.e30.c2ln";
        assert_eq!(found(&[(AUTHORIZATION, &format!("Bearer {token}"))]).as_deref(), Some(token));
        assert_eq!(found(&[(X_API_KEY, token)]).as_deref(), Some(token));
        for other in
            [basic(&format!("{token}:")), format!("Bearer {token}.x"), format!("Bearer a.b.{}", "c".repeat(9_000))]
        {
            assert_eq!(found(&[(AUTHORIZATION, &other)]), None, "{other}");
        }
    }

    #[test]
    fn the_first_well_formed_key_counts() {
        let (one, two) = (key(), key());
        let bearer = format!("Bearer {two}");
        assert_eq!(found(&[(X_API_KEY, &one), (AUTHORIZATION, &bearer)]), Some(one.clone()));
        assert_eq!(found(&[(X_API_KEY, "sk-other"), (AUTHORIZATION, &bearer)]), Some(two.clone()));
        assert_eq!(found(&[(AUTHORIZATION, &basic(&format!("{one}:{two}")))]), Some(one));
    }

    #[test]
    fn anything_else_is_no_key() {
        let key = key();
        for value in [
            String::new(),
            " ".to_owned(),
            key.clone(),
            "Bearer".to_owned(),
            "Basic".to_owned(),
            "Basic !!!".to_owned(),
            format!("Basic {key}"),
            basic(&key),
            basic(":"),
            format!("Basic {}", BASE64.encode([0xff, b':', 0xfe])),
            basic(&"x".repeat(100_000)),
            format!("Basic {}", "=".repeat(100_000)),
            format!("Digest {key}"),
            format!("Bearer {key}{key}"),
            format!("Bearer {}", "é".repeat(100)),
            basic("%ff%fe:%"),
        ] {
            assert_eq!(found(&[(AUTHORIZATION, &value)]), None, "{value}");
        }
    }
}
