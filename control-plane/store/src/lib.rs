//! What the control plane remembers: actions, commands, agents, investigators.
//!
//! [`Store`] is the contract between the scheduler and the API on one side and a
//! database on the other. Both sides of it speak in the documents of
//! `mig-protocol`; no text of a user ever reaches a statement except as a bound
//! parameter.

mod contract;
#[cfg(feature = "contract-tests")]
pub mod contract_tests;
mod error;
mod ids;
#[cfg(feature = "postgres")]
pub mod postgres;
mod records;
mod signals;
mod sqlite;

pub use contract::Store;
pub use error::{StoreError, StoreResult};
pub use ids::IdSource;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresAccess, PostgresStore, SslMode};
pub use records::{
    ActionStart, AgeLimits, AgedAgents, AgentStatistics, Answer, AnswerOutcome, ApiKey,
    ApiKeyChange, Claim, DUPLICATES_OF_ONE, DestroyOrder, Expired, HeartbeatOutcome, Holding,
    IdBlock, InvestigatorUpdate, NEWS, NewCommand, NewInvestigator, Progress, Pruned, Recorded,
    Retention, Search, Signature, StatisticsRound, StoredAction, VersionCount,
};
pub use signals::{Changes, Wake};
pub use sqlite::SqliteStore;
