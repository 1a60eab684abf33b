//! What a call of the model may carry, and the most it can cost.
//!
//! ```text
//!   bytes ─► object (no key twice) ─► body ─► content, source, tools ─► tally ─► bound ─► Ask
//! ```
//!
//! Everything a request may carry is on a list: fields, blocks, sources, tools, edits, features (`betas`). What is not
//! is refused with its place in the request. The bound comes from what was parsed (`size`), never from how it is spelled:
//! text is at most a token a byte, an image what its pixels cost (`image`), and of what only the provider can measure
//! the provider's own count (`count`), or else the model's whole context window. What the provider would fetch for the
//! sandbox needs the same grant as if the sandbox fetched it.

mod betas;
mod body;
mod bound;
mod content;
mod count;
mod image;
mod lists;
mod object;
mod size;
mod source;
mod tally;
mod tools;

#[cfg(test)]
mod tests;

pub(super) use betas::check as check_betas;
pub(super) use body::{Contents, open, read};
pub(super) use count::count;
pub(super) use lists::check_model;
pub(super) use tally::{Fetch, Policy};
