//! Who may come in: keys, from the header they are sent in to the caller they prove.
//!
//! The permission is the argument: a handler that takes a [`TenantCaller`] of some [`Access`], a [`SessionCaller`] or an
//! [`OperatorCaller`] cannot be reached without a key that opens that, and one that takes none is open to everybody.
//!
//! A key the server has verified costs about a microsecond. Any other costs an argon2id hash, and those are
//! computed one at a time, so that a flood of wrong keys can neither fill the memory nor take the processors away
//! from the keys that are known ([`Verifier`] tells how).

mod access;
mod address;
mod credentials;
pub(super) mod cross_site;
mod extract;
mod failures;
mod gate;
mod hash;
mod issue;
mod keeping;
mod oidc;
mod rejection;
mod rotate;
mod schemes;
#[cfg(test)]
mod tests;
mod tokens;
mod undeclared_proxies;
mod verifier;

pub use access::{Access, AnyKey, BuyToken, ChangeSessions, ReadSessions, ReadUsage, StartSessions};
pub(super) use extract::RateNote;
pub use extract::{OperatorCaller, SessionCaller, TenantCaller};
pub use gate::Gate;
pub use hash::{Busy, Hasher};
pub use issue::{IssueError, Issued, NewKey, ensure_operator_key, issue_key};
pub use oidc::{Issuers, OidcError, Proven, ProvenOwner, Reason, Refused};
pub use rejection::Rejection;
pub use rotate::rotate_key;
pub use schemes::KeySchemes;
pub use tokens::{MAX_TOKEN_SECONDS, TICKET_SECONDS, Ticket, Tokens};
pub use verifier::{Owner, Verified, Verifier, VerifyError};
