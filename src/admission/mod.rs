//! Admission: deciding at the entrance whether something may start now.

mod line;
mod money;
mod queue;
mod rates;
#[cfg(test)]
mod tests;

pub use crate::fair::Ticket;
pub use money::{Granted, Money, NoMoney};
pub use queue::{Bounds, Full, Place, Queue, Slot};
pub use rates::Rates;
