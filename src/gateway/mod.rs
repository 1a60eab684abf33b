//! The gateway: the one way from a sandbox to the model, and the only holder of the provider's key.
//!
//! ```text
//!   sandbox ══ its socket ══► server ► messages ─► hold ─► forward ══► model API
//!                               ▲                   ▲         ║
//!                               ║                 settle ◄─ meter (reads a copy)
//!                               ╚════════ relay ════╧═════════╝
//! ```
//!
//! What a sandbox was granted to reach beside the model goes through `egress`.
//!
//! A call is opened in the ledger before it is made (`hold`), carried through byte for byte (`forward`, `relay`),
//! counted from a copy of the answer (`metering`), and settled before the caller sees the answer's end (`settlement`). It is
//! a task of its own, so a caller that leaves does not take the bill along: the answer is read to its end, and what the
//! provider did not report is charged at what is held for it. Errors have the shape of the model API's (`reply`), because
//! their reader is the agent.

mod agent_telemetry;
mod ask;
mod call;
mod client;
mod drains;
mod egress;
mod error;
mod forward;
mod headers;
mod hold;
mod intake;
mod listener;
mod messages;
mod metering;
mod opening;
mod pace;
mod patience;
mod price;
mod price_change;
mod price_file;
mod price_list;
mod price_modifiers;
mod prices;
mod relay;
mod reply;
mod request;
mod server;
mod settlement;
mod traced;
mod usable;
mod waiting;
mod watch;

#[cfg(test)]
mod tests;

pub use error::GatewayError;
pub use price_file::PriceError;
pub use price_list::{ListedModel, ListedTier, PriceList};
pub use prices::{Prices, Reloaded};
pub use server::Gateway;
pub use usable::{UpstreamWatch, Usable};
