//! The store against a real database: what its sums and exports say, and what faults of the disk do to writes.

mod books;
mod drift;
mod estimates;
mod export;
mod faults;
mod long_answers;
mod stored_bytes;
mod writer;
