//! What a key opens: scopes, as OAuth writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
pub enum KeyScope {
    /// A tenant's sessions, to look at.
    #[schema(rename = "sessions:read")]
    SessionsRead,
    /// A tenant's sessions, to start, cancel and delete.
    #[schema(rename = "sessions:write")]
    SessionsWrite,
    /// What a tenant spent, and what is left.
    #[schema(rename = "usage:read")]
    UsageRead,
    /// The admin API. Only operators have it, and it opens nothing of any tenant.
    #[schema(rename = "admin")]
    Admin,
}

/// All a key opens; never nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyScopes(u8);

/// Words that are no scopes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// There is no such scope.
    #[error("`{0}` is no scope; there are sessions:read, sessions:write and usage:read")]
    Unknown(String),
    /// Nothing would be opened.
    #[error("a key needs a scope: sessions:read, sessions:write or usage:read")]
    Empty,
    /// A tenant's key opens nothing of the operators'.
    #[error("`admin` is for keys of operators, which open the admin API alone; create one with `--operator`")]
    AdminOfTenant,
}

impl KeyScope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::SessionsRead, Self::SessionsWrite, Self::UsageRead, Self::Admin];

    /// The scope's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionsRead => "sessions:read",
            Self::SessionsWrite => "sessions:write",
            Self::UsageRead => "usage:read",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl KeyScopes {
    /// What a key of operators opens.
    pub const OPERATOR: Self = Self(KeyScope::Admin.bit());

    /// All a tenant's key can open: what one opens that was not given less.
    pub const TENANT: Self =
        Self(KeyScope::SessionsRead.bit() | KeyScope::SessionsWrite.bit() | KeyScope::UsageRead.bit());

    /// One scope alone.
    pub const fn of(scope: KeyScope) -> Self {
        Self(scope.bit())
    }

    /// Reads the scopes of a tenant's key.
    ///
    /// # Errors
    /// When a word is no scope, or none a tenant's key may have, or there is none.
    pub fn of_tenant<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<Self, InvalidScopes> {
        let scopes = Self::parse_all(words)?;
        if scopes.contains(KeyScope::Admin) { Err(InvalidScopes::AdminOfTenant) } else { Ok(scopes) }
    }

    /// Whether `scope` is one of them.
    pub const fn contains(self, scope: KeyScope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those that are in both; `None` when nothing is.
    pub const fn and(self, other: Self) -> Option<Self> {
        match self.0 & other.0 {
            0 => None,
            both => Some(Self(both)),
        }
    }

    /// The scopes, in their own order.
    pub fn iter(self) -> impl Iterator<Item = KeyScope> {
        KeyScope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    fn parse_all<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<Self, InvalidScopes> {
        let mut bits = 0;
        for word in words {
            let word = word.as_ref();
            bits |= KeyScope::parse(word).ok_or_else(|| InvalidScopes::Unknown(word.to_owned()))?.bit();
        }
        if bits == 0 { Err(InvalidScopes::Empty) } else { Ok(Self(bits)) }
    }
}

/// The scopes as OAuth and the store write them: with a space between.
impl fmt::Display for KeyScopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(formatter, "{space}{}", scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyScopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for KeyScopes {
    type Err = InvalidScopes;

    /// Reads what `Display` writes, in any order.
    fn from_str(text: &str) -> Result<Self, InvalidScopes> {
        Self::parse_all(text.split_ascii_whitespace())
    }
}

impl Serialize for KeyScopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(KeyScope::as_str))
    }
}

impl<'de> Deserialize<'de> for KeyScopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse_all(Vec::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_and_are_never_nothing() {
        for scopes in [KeyScopes::TENANT, KeyScopes::OPERATOR, KeyScopes::of_tenant(["usage:read"]).unwrap()] {
            assert_eq!(scopes.to_string().parse(), Ok(scopes));
            let json = serde_json::to_string(&scopes).unwrap();
            assert_eq!(serde_json::from_str::<KeyScopes>(&json).unwrap(), scopes);
        }
        assert_eq!("".parse::<KeyScopes>(), Err(InvalidScopes::Empty));
        assert_eq!(KeyScopes::of_tenant(["sessions"]), Err(InvalidScopes::Unknown("sessions".to_owned())));
        assert_eq!(KeyScopes::of_tenant(["admin"]), Err(InvalidScopes::AdminOfTenant));
    }

    #[test]
    fn what_two_share_is_what_both_open() {
        let read = KeyScopes::of_tenant(["sessions:read", "usage:read"]).unwrap();
        assert_eq!(KeyScopes::TENANT.and(read), Some(read));
        assert_eq!(read.and(KeyScopes::OPERATOR), None);
        assert!(read.contains(KeyScope::UsageRead) && !read.contains(KeyScope::SessionsWrite));
    }
}
