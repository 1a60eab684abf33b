//! Sandboxes made by a spawner whose engine is in memory.

mod starts;
