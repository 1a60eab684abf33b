//! What operators do, without HTTP: the one way for the admin API and the command line.

mod error;
mod names;
mod session_views;
pub mod sessions;

pub use error::OperationError;
pub use names::Names;
pub use session_views::{LiveView, SessionDetail, SessionEntry, SessionPage, TurnView};
pub use sessions::SessionsAsk;
