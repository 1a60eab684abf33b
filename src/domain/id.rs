//! Ids as types: a tenant's id cannot be passed where a session's is wanted.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not an id of the kind it was read as.
#[derive(Debug, thiserror::Error)]
#[error("not a {kind} id")]
pub struct ParseIdError {
    kind: &'static str,
}

/// Makes an id type: a UUID shown after `$prefix`.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal, $new:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, unlike any other.
            pub fn generate() -> Self {
                Self(Uuid::$new())
            }

            /// The id as a number.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match $prefix {
                    "" => write!(formatter, "{}", self.0.hyphenated()),
                    prefix => write!(formatter, "{prefix}{}", self.0.simple()),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Accepts exactly what `Display` writes, so that one thing has one spelling.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let error = ParseIdError { kind: $kind };
                let Some(uuid) = text.strip_prefix($prefix).and_then(|rest| Uuid::try_parse(rest).ok()) else {
                    return Err(error);
                };
                let id = Self(uuid);
                if id.to_string() == text { Ok(id) } else { Err(error) }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

id!(
    /// A tenant.
    TenantId, "tenant", "tenant_", now_v7
);
id!(
    /// A session: a bare random UUID, the same the agent uses for its conversation.
    SessionId, "session", "", new_v4
);
id!(
    /// A turn of a session.
    TurnId, "turn", "turn_", now_v7
);
id!(
    /// A budget.
    BudgetId, "budget", "budget_", now_v7
);
id!(
    /// One call to the model, and so one line of the ledger.
    CallId, "call", "call_", now_v7
);
id!(
    /// One request to the API, and so one story in the logs.
    RequestId, "request", "req_", now_v7
);

/// The public part of a key: what names it in lists, logs and the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Takes a key id as it was stored or read from a key.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What stands for a key where somebody came with an issuer's token: the issuer, and whom it calls by what name.
    pub fn of_identity(issuer: &str, subject: &str) -> Self {
        Self(format!("{IDENTITY}{issuer}#{subject}"))
    }

    /// Whether it stands for an issuer's token. A key's own public part has no colon.
    pub fn is_identity(&self) -> bool {
        self.0.starts_with(IDENTITY)
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the names of identities begin with.
const IDENTITY: &str = "oidc:";

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_has_one_spelling() {
        let tenant = TenantId::generate();
        assert_eq!(tenant.to_string().parse::<TenantId>().unwrap(), tenant);
        let session = SessionId::generate();
        assert_eq!(session.to_string().len(), 36);
        assert!(session.to_string().to_uppercase().parse::<SessionId>().is_err());
        assert!(tenant.to_string().parse::<SessionId>().is_err());
    }
}
