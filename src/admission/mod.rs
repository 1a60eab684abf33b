//! Admission: deciding at the entrance whether something may start now.

mod money;
mod slots;
#[cfg(test)]
mod tests;

pub use money::{Granted, Money, NoMoney};
pub use slots::{Slot, Slots};
