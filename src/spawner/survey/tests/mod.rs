//! Surveys of trees as a hostile agent would leave them.

mod bounds;
mod comparing;
mod floods;
mod hostile;
mod owner;
mod undoing;
mod workspace;

use workspace::{QUARANTINE, TENANT, Workspace, at, kinds};
