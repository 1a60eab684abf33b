//! The process's file descriptors: the limit is raised to what the machine allows, and shared out.
//!
//! A descriptor that a listener takes is missing elsewhere: a database that cannot open its journal, or a sandbox that cannot
//! be made, is worse than a connection that waits. So the listeners get what is left of the limit after a reserve.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What one process is expected to have at most when its limit is infinite.
const MANY: u64 = 1 << 20;

/// Descriptors that are kept for everything but connections, or a third of all if that is less.
const RESERVED: u64 = 256;

/// How many connections each kind of listener may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorBudget {
    /// The tenants' listener.
    pub public: usize,
    /// The operators' listener.
    pub operator: usize,
    /// The sockets of all sandboxes together. Each connection may need another one to the model or a host.
    pub sandboxes: usize,
}

impl DescriptorBudget {
    /// What the process's present limit leaves after a reserve.
    pub fn current() -> Self {
        Self::of(limit(), RESERVED)
    }

    fn of(limit: u64, reserved: u64) -> Self {
        let usable = limit.saturating_sub(reserved.min(limit / 3));
        let part = |sixteenths: u64| usize::try_from(usable * sixteenths / 16).unwrap_or(usize::MAX).max(1);
        Self { public: part(6), operator: part(1), sandboxes: part(4) }
    }
}

/// Raises the limit on descriptors to the most this process may have, and returns what it is then.
///
/// # Errors
/// When the kernel refuses.
pub fn raise_limit() -> std::io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(limit())
}

fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(MANY).min(MANY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserve_is_kept_out_of_the_listeners_shares() {
        for (limit, reserved) in [(1_024, 256), (20_000, 256), (MANY, 4_096), (64, 256), (1_024, u64::MAX), (1, 1)] {
            let budget = DescriptorBudget::of(limit, reserved);
            let taken = budget.public + budget.operator + 2 * budget.sandboxes;
            let kept = usize::try_from(reserved.min(limit / 3)).unwrap();
            assert!(limit < 16 || taken + kept <= usize::try_from(limit).unwrap(), "{limit} {reserved}: {budget:?}");
            assert!(budget.public > 0 && budget.operator > 0 && budget.sandboxes > 0);
        }
        assert_eq!(DescriptorBudget::of(1_024, 256).public, 288);
    }

    #[test]
    fn limit_is_raised_to_the_most_that_is_allowed() {
        let raised = raise_limit().unwrap();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(raised, maximum.unwrap_or(MANY).min(MANY));
    }
}
