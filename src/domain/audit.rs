//! The audit: who changed what of the installation, from where, and what it was before.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use super::{KeyId, TenantId, Timestamp};

/// Who changes something, from where and when: what every operator's write takes, so that none goes unwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub who: Who,
    /// The address the request came from; `None` for what happens on the machine itself.
    pub from: Option<IpAddr>,
    /// When.
    pub at: Timestamp,
}

/// Who acts for the operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The holder of an operators' key, or who an issuer says is an operator.
    Key(KeyId),
    /// A user of the machine, at the command line.
    CommandLine {
        /// The user's number.
        uid: u32,
    },
    /// The server by itself.
    Server,
}

/// What can be changed: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A tenant was created.
    CreateTenant,
    /// A tenant's name or roots were changed.
    UpdateTenant,
    /// A tenant's limits were set.
    SetLimits,
    /// A tenant may begin nothing.
    SuspendTenant,
    /// A tenant may begin again.
    ResumeTenant,
    /// A tenant is gone for good.
    ArchiveTenant,
    /// A key was issued.
    CreateKey,
    /// A key got a successor, and an end.
    RotateKey,
    /// A key's end was brought forward.
    ExpireKey,
    /// A key was revoked.
    RevokeKey,
    /// A budget was made.
    CreateBudget,
    /// A budget was changed.
    UpdateBudget,
    /// A budget bounds nothing any more.
    ArchiveBudget,
    /// A budget was given more for its present window.
    TopUpBudget,
    /// A budget's window was made to agree with the ledger.
    RepairBudget,
    /// A session's turn under way is to be cancelled.
    CancelSession,
    /// Sessions that ended were removed, by an operator or because they were kept for no longer.
    CleanUp,
    /// A call's cost was put right.
    CorrectCall,
    /// The prices were read anew.
    ReloadPrices,
    /// A copied data directory became an installation of its own.
    RenewInstallation,
    /// A sandbox reached a host it is granted.
    AllowEgress,
    /// A sandbox was refused a host.
    RefuseEgress,
}

/// A line of the audit.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its place: dense, from 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, as [`Who`] is written.
    pub actor: String,
    /// The address the request came from.
    pub from: Option<String>,
    /// What was done.
    pub action: Action,
    /// What it was done to: an id.
    pub target: String,
    /// The tenant it concerns, if one alone.
    pub tenant: Option<TenantId>,
    /// Why, where that is asked for.
    pub reason: Option<String>,
    /// The target before; `None` when there was none.
    pub before: Option<Value>,
    /// The target after; `None` when there is none.
    pub after: Option<Value>,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::CreateTenant,
        Self::UpdateTenant,
        Self::SetLimits,
        Self::SuspendTenant,
        Self::ResumeTenant,
        Self::ArchiveTenant,
        Self::CreateKey,
        Self::RotateKey,
        Self::ExpireKey,
        Self::RevokeKey,
        Self::CreateBudget,
        Self::UpdateBudget,
        Self::ArchiveBudget,
        Self::TopUpBudget,
        Self::RepairBudget,
        Self::CancelSession,
        Self::CleanUp,
        Self::CorrectCall,
        Self::ReloadPrices,
        Self::RenewInstallation,
        Self::AllowEgress,
        Self::RefuseEgress,
    ];

    /// The action's name: what was changed, and how.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateTenant => "tenant.create",
            Self::UpdateTenant => "tenant.update",
            Self::SetLimits => "tenant.set_limits",
            Self::SuspendTenant => "tenant.suspend",
            Self::ResumeTenant => "tenant.resume",
            Self::ArchiveTenant => "tenant.archive",
            Self::CreateKey => "key.create",
            Self::RotateKey => "key.rotate",
            Self::ExpireKey => "key.expire",
            Self::RevokeKey => "key.revoke",
            Self::CreateBudget => "budget.create",
            Self::UpdateBudget => "budget.update",
            Self::ArchiveBudget => "budget.archive",
            Self::TopUpBudget => "budget.top_up",
            Self::RepairBudget => "budget.repair",
            Self::CancelSession => "session.cancel",
            Self::CleanUp => "sessions.cleanup",
            Self::CorrectCall => "call.correct",
            Self::ReloadPrices => "prices.reload",
            Self::RenewInstallation => "installation.renew",
            Self::AllowEgress => "egress.allow",
            Self::RefuseEgress => "egress.refuse",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// Whether it tells what a sandbox did, and so of no change of a key or tenant.
    pub const fn is_egress(self) -> bool {
        matches!(self, Self::AllowEgress | Self::RefuseEgress)
    }
}

/// `key:ID`, `oidc:ISSUER#SUBJECT`, `uid:0` or `server`: how the audit names them, and what it is filtered by.
impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) if id.is_identity() => write!(formatter, "{id}"),
            Self::Key(id) => write!(formatter, "key:{id}"),
            Self::CommandLine { uid } => write!(formatter, "uid:{uid}"),
            Self::Server => formatter.write_str("server"),
        }
    }
}

#[cfg(test)]
impl By {
    /// The server itself, long ago.
    pub(crate) fn test() -> Self {
        Self { who: Who::Server, from: None, at: Timestamp::from_micros(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("tenant"), None);
    }
}
