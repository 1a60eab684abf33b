//! The store against a real database: what its sums and exports say, and what faults of the disk do to writes.

mod books;
mod bounds;
mod deleted_text;
mod drift;
mod estimates;
mod export;
mod faults;
mod holds;
mod long_answers;
mod pages;
mod paths;
mod plans;
mod stored_bytes;
mod writer;
