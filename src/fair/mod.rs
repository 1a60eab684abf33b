//! Fairness between tenants: a bounded number of permits that goes round among those who wait for one.
//!
//! Whatever does work on behalf of tenants with a bounded number of workers takes its permits here, so that one tenant
//! with a thousand pieces of work delays the single piece of another by one piece, not by a thousand.

mod background;
mod gate;
mod parsing;
mod rounds;

pub use background::background;
pub use gate::{FairGate, Permit, Standing, Ticket};
pub use parsing::Parsing;
