//! A sandbox that is not done with: until it is gone, and what it changed is known and written down.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{SessionId, TenantId, Timestamp, TurnId};

/// Which sandbox: a session's, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct SandboxName {
    /// The session.
    pub session: SessionId,
    /// Which of its sandboxes.
    pub epoch: i64,
}

/// What is still to be done about a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// It is at work, or was when the server ended.
    Open,
    /// It could not be removed yet.
    Removing,
    /// It is gone, and what it changed not known yet.
    Comparing,
    /// What it changed is known in part.
    Incomplete,
}

/// A sandbox that is not done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSandbox {
    /// Which it is.
    pub name: SandboxName,
    /// Whose it is.
    pub tenant: TenantId,
    /// The turn it was made for.
    pub turn: TurnId,
    /// The directory it works in.
    pub workspace: PathBuf,
    /// Whether its workspace is looked over.
    pub surveyed: bool,
    /// Whether changes of files that would run later are undone.
    pub quarantine: bool,
    /// What is still to be done.
    pub state: PendingState,
    /// When it was gone.
    pub gone_at: Option<Timestamp>,
    /// How often what is to be done now has failed in a row.
    pub attempts: i64,
    /// When that is tried again.
    pub next_at: Timestamp,
    /// Why it failed the last time.
    pub error: Option<String>,
}

impl fmt::Display for SandboxName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.session, self.epoch)
    }
}

impl SandboxName {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (session, epoch) = text.rsplit_once('-')?;
        Some(Self { session: session.parse().ok()?, epoch: epoch.parse().ok()? })
    }
}

impl PendingState {
    /// Its name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Removing => "removing",
            Self::Comparing => "comparing",
            Self::Incomplete => "incomplete",
        }
    }

    /// The state of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Removing, Self::Comparing, Self::Incomplete].into_iter().find(|state| state.as_str() == text)
    }
}
