//! What is still to be done about a sandbox when its turn is over: remove it, look at what it left, undo what is to be undone.
//!
//! ```text
//! open ── killed and gone ──► comparing ── all known ──► (no row)
//!   └── it does not end ──► removing ──► …      └── a part not looked at ──► incomplete ──► …
//! ```
//!
//! Each may fail, and some sandboxes cannot be killed for minutes. So it is written down before a sandbox is made, and struck
//! off when it is done; until then it is tried again, by the session's supervisor, by the next run of the server, and before
//! the session's next turn. A workspace is looked at only when nothing runs in it any more.

mod background;
mod settling;
#[cfg(test)]
mod tests;

pub(super) use settling::{Ended, adopt, finish, open, repeat};
