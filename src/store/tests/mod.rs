//! The ledger's sums against a real store: what is exported, how the agent's claims compare, and why costs are estimates.

mod books;
mod drift;
mod estimates;
mod export;
