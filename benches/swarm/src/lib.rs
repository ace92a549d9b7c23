//! Many agents in one process, to see what a control plane carries and what
//! becomes of it when things go wrong.
//!
//! Each agent of a [`Swarm`] has a connection, a queue, an identity, a keyring,
//! an access list and a journal of its own, and goes through the same code as
//! `mig-agent`: only the modules are simulated, and the process is shared. How
//! they behave is a [`Scenario`]; a [`Mix`] says how many behave how.
//!
//! Everything that happens is in a [`Ledger`], which can be held against what a
//! database has: [`Ledger::discrepancies`]. A [`Diary`] is the ledger of a swarm in
//! a process of its own, which may be killed and started again.

#![forbid(unsafe_code)]

mod configuration;
mod descriptors;
mod diary;
mod ledger;
mod member;
mod process;
mod quantiles;
mod report;
mod scenario;
mod seen;
mod swarm;

pub use configuration::{Configuration, HeartbeatPath, SwarmError};
pub use diary::Diary;
pub use ledger::{AgentLedger, Counts, Ledger, Stored};
pub use member::MUST_NOT_RUN_TWICE;
pub use quantiles::Quantiles;
pub use report::Report;
pub use scenario::{Mix, MixError, Scenario};
pub use seen::Seen;
pub use swarm::Swarm;
