//! Two hundred agents, well and badly behaved, with the real server: whatever
//! they do, each command has one answer, from its agent.

#[path = "../fleet/mod.rs"]
mod fleet;
mod scenarios;
