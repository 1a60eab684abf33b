//! What a probe is: an attack, the guard that should hold it, and how the attack is made.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;

use super::bench::Bench;
use super::outcome::Outcome;

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Reaching files beside the workspace.
    Filesystem,
    /// Exchanging a directory between its check and its use.
    Race,
    /// Other processes, and what `/proc` and `/sys` tell.
    Processes,
    /// The kernel's own doors.
    Kernel,
    /// The network, names, metadata, the host's services.
    Network,
    /// Another tenant's sandbox.
    Neighbour,
    /// Finding a key.
    Secrets,
    /// Speaking in the agent's place.
    Forgery,
    /// Using up what others need.
    Resources,
    /// A repository that wants to run by itself.
    Settings,
    /// The sandbox as a whole, and what is left of it.
    Whole,
}

/// An attack, and what should hold it.
#[derive(Debug)]
pub struct Probe {
    /// Its name: in reports, metrics and SECURITY.md.
    pub id: &'static str,
    /// Its kind.
    pub class: Class,
    /// What it tries.
    pub attack: &'static str,
    /// What holds it.
    pub guard: &'static str,
    /// How it is made.
    pub(super) attempt: Attempt,
}

/// How an attack is made.
pub(super) enum Attempt {
    /// By a script, as the agent of a fresh sandbox.
    Inside(Size, &'static str),
    /// By the server's side, with sandboxes or without.
    Around(for<'a> fn(&'a Bench) -> Attack<'a>),
}

/// An attack under way.
pub(super) type Attack<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// How large a sandbox is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// As the settings say.
    Ordered,
    /// As small as a tenant's limits can make it, so that a bomb is quickly at its end.
    Small,
}

impl Class {
    /// Every class, in the order of the report.
    pub const ALL: [Self; 11] = [
        Self::Whole,
        Self::Filesystem,
        Self::Race,
        Self::Processes,
        Self::Kernel,
        Self::Network,
        Self::Neighbour,
        Self::Secrets,
        Self::Forgery,
        Self::Settings,
        Self::Resources,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Race => "race",
            Self::Processes => "processes",
            Self::Kernel => "kernel",
            Self::Network => "network",
            Self::Neighbour => "neighbour",
            Self::Secrets => "secrets",
            Self::Forgery => "forgery",
            Self::Resources => "resources",
            Self::Settings => "settings",
            Self::Whole => "whole",
        }
    }
}

impl Attempt {
    /// A script in a sandbox as the settings say.
    pub(super) const fn script(text: &'static str) -> Self {
        Self::Inside(Size::Ordered, text)
    }

    /// A script that uses up a sandbox as small as can be.
    pub(super) const fn bomb(text: &'static str) -> Self {
        Self::Inside(Size::Small, text)
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Inside(..) => "inside",
            Self::Around(_) => "around",
        })
    }
}
