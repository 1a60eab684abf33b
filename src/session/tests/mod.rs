//! Sessions asked at an awkward moment: while they start, while nobody has them, by callers who leave.

mod bounds;
mod cancelling;
mod dropped;
mod fixture;
mod strays;

use fixture::{BOUNDS, Fixture};
