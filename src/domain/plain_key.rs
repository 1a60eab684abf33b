//! A key in plain text: what its holder keeps and sends, and innkeeper shows once and never stores.
//!
//! `ink_live_<id>_<secret>_<checksum>` for a tenant, `ink_admin_…` for operators: the prefix lets scanners find a leaked
//! key, the checksum lets a mistyped one be refused without looking anything up. Every part has a fixed length and
//! consists of letters and digits, so that a key can be selected with a double click and needs no escaping in a URL.

use super::{KeyId, KeyOwner, Secret};

/// The digits of base 62, in the order of their values.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Digits that name the key.
const ID_DIGITS: usize = 16;

/// Digits that prove it: 256 bits.
const SECRET_DIGITS: usize = 43;

/// Digits of the CRC-32 of all that stands before them.
const CHECKSUM_DIGITS: usize = 6;

/// What follows the prefix.
const TAIL_LENGTH: usize = ID_DIGITS + 1 + SECRET_DIGITS + 1 + CHECKSUM_DIGITS;

/// A key in plain text, well-formed, though not necessarily one that opens anything.
#[derive(Clone)]
pub struct PlainKey(Secret);

impl PlainKey {
    /// A new key for `owner`, unlike any other.
    pub fn generate(owner: KeyOwner) -> Self {
        Self::with_new_secret(&format!("{}{}", prefix(owner), random_digits(ID_DIGITS)))
    }

    fn with_new_secret(prefix_and_id: &str) -> Self {
        Self::with_checksum(&format!("{prefix_and_id}_{}", random_digits(SECRET_DIGITS)))
    }

    fn with_checksum(body: &str) -> Self {
        let mut text = format!("{body}_");
        text.extend(checksum(body).map(char::from));
        Self(Secret::new(text))
    }

    /// Reads a key; `None` when `text` is not one, which its form and its checksum tell.
    pub fn parse(text: &str) -> Option<Self> {
        let tail = text.strip_prefix("ink_live_").or_else(|| text.strip_prefix("ink_admin_"))?;
        let mut parts = tail.split('_');
        let well_formed = [ID_DIGITS, SECRET_DIGITS, CHECKSUM_DIGITS]
            .into_iter()
            .all(|length| parts.next().is_some_and(|part| part.len() == length && part.bytes().all(is_digit)));
        if !well_formed || parts.next().is_some() {
            return None;
        }
        let (body, check) = text.rsplit_once('_')?;
        (check.as_bytes() == checksum(body)).then(|| Self(Secret::new(text)))
    }

    /// The key's public part.
    pub fn id(&self) -> KeyId {
        let text = self.expose();
        let start = text.len() - TAIL_LENGTH;
        KeyId::new(&text[start..start + ID_DIGITS])
    }

    /// The key itself. Each call site is a place to look at when asking where secrets go.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// What somebody would try who knows no secret.
#[cfg(test)]
impl PlainKey {
    /// A key that only its secret tells from this one.
    pub(crate) fn forged(&self) -> Self {
        let start = self.expose().len() - TAIL_LENGTH;
        Self::with_new_secret(&self.expose()[..start + ID_DIGITS])
    }

    /// This key with the prefix of an operator's.
    pub(crate) fn promoted(&self) -> Self {
        let start = self.expose().len() - TAIL_LENGTH;
        let end = self.expose().len() - CHECKSUM_DIGITS - 1;
        Self::with_checksum(&format!("{}{}", prefix(KeyOwner::Operator), &self.expose()[start..end]))
    }
}

/// Shows which key it is, never its secret.
impl std::fmt::Debug for PlainKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PlainKey({}, [secret])", self.id())
    }
}

fn prefix(owner: KeyOwner) -> &'static str {
    match owner {
        KeyOwner::Tenant(_) => "ink_live_",
        KeyOwner::Operator => "ink_admin_",
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn checksum(body: &str) -> [u8; CHECKSUM_DIGITS] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// Digits of which each is as likely as any other: a byte that would favour the first few is thrown away.
fn random_digits(count: usize) -> String {
    const FAIR: u8 = u8::MAX - u8::MAX % 62;
    let mut digits = String::with_capacity(count);
    let mut bytes = [0; 64];
    while digits.len() < count {
        getrandom::fill(&mut bytes).expect("the kernel has randomness");
        let fair = bytes.iter().filter(|&&byte| byte < FAIR).map(|byte| char::from(DIGITS[usize::from(byte % 62)]));
        digits.extend(fair.take(count - digits.len()));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TenantId;

    fn keys() -> [PlainKey; 2] {
        [KeyOwner::Tenant(TenantId::generate()), KeyOwner::Operator].map(PlainKey::generate)
    }

    #[test]
    fn a_key_says_for_whom_it_is_and_reads_back() {
        let [tenant, operator] = keys();
        assert!(tenant.expose().starts_with("ink_live_"));
        assert!(operator.expose().starts_with("ink_admin_"));
        for key in [tenant, operator] {
            let read = PlainKey::parse(key.expose()).unwrap();
            assert_eq!((read.id(), read.expose()), (key.id(), key.expose()));
            assert_eq!(read.id().as_str(), key.expose().split('_').nth(2).unwrap());
        }
    }

    #[test]
    fn a_key_with_any_character_changed_added_or_lost_is_not_a_key() {
        for key in keys() {
            let text = key.expose();
            for at in 0..text.len() {
                let (before, after) = (&text[..at], &text[at + 1..]);
                for other in ['0', 'Z', 'a', '_', ' ', 'é'].into_iter().filter(|&c| !text[at..].starts_with(c)) {
                    assert!(PlainKey::parse(&format!("{before}{other}{after}")).is_none(), "{other:?} at {at}");
                }
                assert!(PlainKey::parse(&format!("{before}{after}")).is_none(), "without {at}");
            }
            for other in [format!("{text}_"), format!("{text}0"), format!(" {text}"), text.to_uppercase()] {
                assert!(PlainKey::parse(&other).is_none(), "{other}");
            }
        }
    }

    #[test]
    fn what_is_far_from_a_key_is_not_one() {
        for text in ["", "_", "ink_live_", "ink_live____", "ink_admin_é_é_é", "sk-ant-api03-x", &"_".repeat(100_000)]
        {
            assert!(PlainKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_is_printed_by_its_name_only() {
        for key in keys() {
            let (shown, secret) = (format!("{key:?}"), key.expose().split('_').nth(3).unwrap());
            assert!(shown.contains(key.id().as_str()) && !shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn no_digit_is_favoured() {
        let digits = random_digits(62_000);
        for digit in DIGITS {
            let count = digits.bytes().filter(|byte| byte == digit).count();
            assert!((700..1300).contains(&count), "{} came {count} times", char::from(*digit));
        }
    }
}
