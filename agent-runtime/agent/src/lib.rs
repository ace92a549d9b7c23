//! The agent of an endpoint. It takes signed actions from the relay, checks for
//! itself who ordered what, runs modules in workers of their own, and answers
//! with facts.
//!
//! The way of a command: [`relay`] takes a delivery, [`intake`] reads it and
//! has [`authorise`] check it, [`journal`] makes it durable before the relay
//! hears that it arrived, [`execution`] runs its operations, and the answer goes
//! back through the journal to the relay. Modules that run for as long as the
//! agent does live in [`persistent`]. [`daemon`] ties this to a process.

pub mod agent;
pub mod answer;
pub mod authorise;
pub mod daemon;
pub mod detach;
pub mod environment;
pub mod execution;
pub mod explain;
#[cfg(test)]
mod fixture;
pub mod heartbeat;
pub mod history;
pub mod http;
pub mod identity;
mod imprint;
pub mod intake;
pub mod invocation;
pub mod journal;
pub mod local;
pub mod persistent;
pub mod program;
pub mod proxy;
pub mod record;
pub mod relay;
pub mod settings;
pub mod status;
pub mod sys;
pub mod trust;

/// The version this agent reports: the one its build was given, for example
/// `20240301-0.abc1234.prod`, or the crate's.
pub const VERSION: &str = match option_env!("MIG_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
