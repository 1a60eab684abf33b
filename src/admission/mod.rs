//! Admission: deciding at the entrance whether something may start now.

mod money;
mod queue;
#[cfg(test)]
mod tests;

pub use money::{Granted, Money, NoMoney};
pub use queue::{Bounds, Full, Queue, Slot, Ticket};
