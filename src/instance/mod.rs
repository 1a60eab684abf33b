//! One process per directory, and which installation a directory belongs to.
//!
//! A server that starts removes the sandboxes of its installation and ends its turns. Two checks keep it from doing that
//! to an installation that is alive: [`Lock`], which one process at a time can hold for a directory, and [`Place`], by
//! which a copied directory recognizes that it is not the original.

mod lock;
mod place;

pub use lock::{Lock, LockError};
pub use place::Place;
