//! The ledger's sums against a real store: what is exported, and how the agent's claims compare.

mod books;
mod drift;
mod export;
