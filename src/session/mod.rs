//! Sessions: one supervisor task a live session, the registry that finds it, the hub that tells readers.

mod error;

pub use error::{CancelError, DeleteError, ResumeError, StartError};
