//! An issuer's set of keys (RFC 7517), read leniently: a key that cannot be used is left out and spoils no other.

use std::ops::RangeInclusive;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use crate::config::OidcAlgorithm;

/// The lengths of RSA keys that are believed: none that could be broken, and none that takes long to check with.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// Bytes of a number on the curves P-256 and Ed25519.
const CURVE_BYTES: usize = 32;

/// The keys of an issuer that can be used.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Arc<Key>>);

/// A key that signs tokens, and the one algorithm it is for.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: OidcAlgorithm,
    public: DecodingKey,
}

/// What was found of a key.
#[derive(Debug)]
pub(super) enum Found {
    Key(Arc<Key>),
    /// None fits.
    Nothing,
    /// Several fit, so nobody knows which is meant.
    Several,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

/// A key as it is published.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    used_for: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads what an issuer publishes.
    pub(super) fn read(json: &[u8]) -> serde_json::Result<Self> {
        let published: Published = serde_json::from_slice(json)?;
        let jwks = published.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Ok(Self(jwks.filter_map(|jwk| Key::usable(jwk).map(Arc::new)).collect()))
    }

    /// The key with `id` for `algorithm`. Without an id it must be the only one for it.
    pub(super) fn find(&self, id: Option<&str>, algorithm: OidcAlgorithm) -> Found {
        let mut fitting =
            self.0.iter().filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        match (fitting.next(), fitting.next()) {
            (None, _) => Found::Nothing,
            (Some(key), None) => Found::Key(Arc::clone(key)),
            (Some(_), Some(_)) => Found::Several,
        }
    }
}

impl Key {
    /// Whether `signature`, in base64url, is this key's over `message`.
    pub(super) fn signed(&self, message: &[u8], signature: &str) -> bool {
        let algorithm = match self.algorithm {
            OidcAlgorithm::Rs256 => Algorithm::RS256,
            OidcAlgorithm::Es256 => Algorithm::ES256,
            OidcAlgorithm::EdDsa => Algorithm::EdDSA,
        };
        crypto::verify(signature, message, &self.public, algorithm).unwrap_or(false)
    }

    fn usable(jwk: Jwk) -> Option<Self> {
        let signs = jwk.used_for.as_deref().is_none_or(|used_for| used_for == "sig")
            && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        let (algorithm, public) = jwk.public()?;
        let said = jwk.alg.as_deref().is_none_or(|said| said == algorithm.as_str());
        (signs && said).then_some(Self { id: jwk.kid, algorithm, public })
    }
}

impl Jwk {
    fn public(&self) -> Option<(OidcAlgorithm, DecodingKey)> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (bytes(self.n.as_ref()?)?, bytes(self.e.as_ref()?)?);
                let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
                RSA_BITS.contains(&bits(&modulus)).then_some((OidcAlgorithm::Rs256, key))
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (self.x.as_ref()?, self.y.as_ref()?);
                let whole = bytes(x)?.len() == CURVE_BYTES && bytes(y)?.len() == CURVE_BYTES;
                let key = whole.then(|| DecodingKey::from_ec_components(x, y).ok())??;
                Some((OidcAlgorithm::Es256, key))
            }
            ("OKP", Some("Ed25519")) => {
                let key = bytes(self.x.as_ref()?).filter(|key| key.len() == CURVE_BYTES)?;
                Some((OidcAlgorithm::EdDsa, DecodingKey::from_ed_der(&key)))
            }
            _ => None,
        }
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// How many bits a number has, without the zeros some issuers put before it.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}
