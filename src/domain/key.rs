//! A key as it is kept: who it speaks for and until when, never its secret.

use super::{KeyId, KeyScopes, TenantId, Timestamp};

/// Whom a key speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// One tenant.
    Tenant(TenantId),
    /// The operators of the installation.
    Operator,
}

/// A key's name that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("a key's name is 1 to 100 characters, none of them a control character")]
pub struct InvalidKeyName;

/// A key's record.
#[derive(Clone, Debug)]
pub struct Key {
    /// The public part of the key, which names it.
    pub id: KeyId,
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// What its creator called it.
    pub name: String,
    /// What it opens.
    pub scopes: KeyScopes,
    /// Its secret, hashed with argon2id in the PHC string format.
    pub hash: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it opens nothing; `None` when it does not expire.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl Key {
    /// Checks a name for a new key.
    ///
    /// # Errors
    /// When the name is empty, too long, or would garble a list it is shown in.
    pub fn check_name(name: &str) -> Result<(), InvalidKeyName> {
        let fits = !name.trim().is_empty() && name.chars().count() <= 100;
        if fits && !name.chars().any(char::is_control) { Ok(()) } else { Err(InvalidKeyName) }
    }

    /// Whether the key opens anything at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_nothing_from_its_end_on_or_once_revoked() {
        let at = Timestamp::from_micros;
        let key = |expires_at, revoked_at| Key {
            id: KeyId::new("id"),
            owner: KeyOwner::Operator,
            name: "test".to_owned(),
            scopes: KeyScopes::OPERATOR,
            hash: String::new(),
            created_at: at(0),
            expires_at,
            revoked_at,
            last_used_at: None,
        };
        assert!(key(None, None).is_valid_at(at(i64::MAX)));
        assert!(key(Some(at(5)), None).is_valid_at(at(4)));
        assert!(!key(Some(at(5)), None).is_valid_at(at(5)));
        assert!(!key(None, Some(at(9))).is_valid_at(at(4)));
    }

    #[test]
    fn a_name_can_be_shown_on_a_line() {
        assert!(Key::check_name("CI of the web team").is_ok());
        for bad in ["", "  ", "a\nb", "\u{1b}[31m", &"x".repeat(101)] {
            assert!(Key::check_name(bad).is_err(), "{bad:?} was taken");
        }
    }
}
