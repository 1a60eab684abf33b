//! Admission: deciding at the entrance whether something may start now.

mod slots;

pub use slots::{Slot, Slots};
