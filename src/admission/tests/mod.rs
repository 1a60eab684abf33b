//! Money against a real store.

mod bank;
mod budgets;
mod turns;
