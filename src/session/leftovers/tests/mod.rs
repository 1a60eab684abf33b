//! What becomes of sandboxes that cannot be done with at once.

mod cases;
mod fixture;
