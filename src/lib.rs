//! innkeeper: runs coding agents for many tenants, each in its own sandbox, every model call metered.
