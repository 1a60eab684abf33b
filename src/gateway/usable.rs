//! Whether the model API can be used at all: what its answers say, and a look now and then while it could not.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use tracing::{info, warn};

/// Whether the model API can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usable {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It answers, and takes the key.
    Yes,
    /// There is no key.
    NoKey,
    /// It refuses the key.
    KeyRefused,
    /// It cannot be reached.
    Unreachable,
}

/// What is known of the model API. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct UpstreamWatch(Arc<Mutex<Usable>>);

impl Usable {
    /// What is wrong, and what to do; `None` when nothing is.
    pub const fn fault(self) -> Option<&'static str> {
        match self {
            Self::Unknown | Self::Yes => None,
            Self::NoKey => {
                Some("`gateway.api_key` is empty: the model API refuses every call; set the key and restart")
            }
            Self::KeyRefused => {
                Some("the model API refuses the key of this installation: set another `gateway.api_key` and restart")
            }
            Self::Unreachable => Some(
                "the model API cannot be reached: look at `gateway.upstream_url`, name resolution and the firewall",
            ),
        }
    }
}

impl UpstreamWatch {
    /// What was found last.
    pub fn usable(&self) -> Usable {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was found, and logs it if it is another than before.
    pub(super) fn note(&self, found: Usable) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), found);
        if before == found {
            return;
        }
        match found.fault() {
            Some(fault) => warn!(fault, "the model API cannot be used"),
            None if before.fault().is_some() => info!("the model API can be used again"),
            None => {}
        }
    }

    /// Notes what an answer, or its absence, says.
    pub(super) fn note_answer(&self, answer: &reqwest::Result<reqwest::Response>, has_key: bool) {
        match answer {
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                self.note(if has_key { Usable::KeyRefused } else { Usable::NoKey });
            }
            Ok(_) => self.note(if has_key { Usable::Yes } else { Usable::NoKey }),
            Err(error) if error.is_connect() => self.note(Usable::Unreachable),
            // It was reached, and what became of the call says nothing of further ones.
            Err(_) => {}
        }
    }
}
