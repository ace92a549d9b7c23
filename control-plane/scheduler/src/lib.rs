//! Turns signed actions into one command per endpoint, and collects what the
//! endpoints answer.
//!
//! The scheduler is woken when there is work ([`mig_store::Wake`]) and sleeps
//! until the next deadline otherwise; it never looks for work by the clock. All
//! its state is in the store: commands are written together with an outbox entry
//! and published from there, so that a crash repeats a publication but never
//! loses one, and an answer is acknowledged to the relay only once it is stored.

#![forbid(unsafe_code)]

mod actions;
mod backoff;
mod config;
mod counts;
mod duties;
mod events;
mod inbound;
mod periodic;
mod places;
mod reach;
mod relay;
mod start;
mod whitelist;

pub use config::{QueueKind, RelayAccess, RelayTls, SchedulerConfig, UnknownQueueKind};
pub use counts::CountsSnapshot;
pub use duties::{KillKey, KillKeyError, kill_warnings};
pub use events::EventsConfig;
pub use places::{LastGood, NoPlace, Place, places};
pub use reach::{RelayError, connect_to_relay};
pub use relay::RelayConnection;
pub use start::{Scheduler, SchedulerHandle};
pub use whitelist::{Whitelist, WhitelistError};
