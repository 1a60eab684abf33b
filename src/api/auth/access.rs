//! What a call of a tenant needs, as types: a handler names one, and cannot be reached without it.

use crate::domain::{KeyScope, RateClass};

/// What a call needs of its caller.
pub trait Access: Send + Sync + 'static {
    /// The scope; `None` when any key of a tenant will do.
    const SCOPE: Option<KeyScope>;
    /// The rate it counts against.
    const CLASS: RateClass;
}

/// Makes a kind of access.
macro_rules! access {
    ($(#[$doc:meta])* $name:ident, $scope:expr, $class:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Access for $name {
            const SCOPE: Option<KeyScope> = $scope;
            const CLASS: RateClass = RateClass::$class;
        }
    };
}

access!(
    /// Looking at sessions.
    ReadSessions, Some(KeyScope::SessionsRead), Read
);
access!(
    /// Starting and resuming sessions.
    StartSessions, Some(KeyScope::SessionsWrite), Create
);
access!(
    /// Cancelling and deleting sessions.
    ChangeSessions, Some(KeyScope::SessionsWrite), Write
);
access!(
    /// Looking at spending and budgets.
    ReadUsage, Some(KeyScope::UsageRead), Read
);
access!(
    /// What any key of a tenant may look at.
    AnyKey, None, Read
);
access!(
    /// Buying a token.
    BuyToken, None, Write
);
