//! The embedded relay: a small AMQP 0-9-1 server for schedulers and agents.
//!
//! It speaks the protocol as RabbitMQ does, as far as MIG and ordinary clients
//! use it: virtual hosts, direct, fanout and topic exchanges, durable queues,
//! persistent messages that survive a crash once they are confirmed, time to
//! live, bounds, prefetch, publisher confirms, mandatory returns, logins with
//! password or certificate, and publishers that wait while memory or disk run
//! short. What it does not do (transactions, bindings between exchanges, dead
//! letters) it refuses by name.
//!
//! Memory is bounded by [`Limits`], before login and after, and one connection
//! cannot take what others need.
//!
//! ```no_run
//! use mig_relay::{Listener, Password, Relay, RelayConfig, User, topology};
//!
//! # async fn run() -> Result<(), mig_relay::RelayError> {
//! let mut config = RelayConfig::new("/var/lib/mig/relay.db");
//! config.listeners.push(Listener::Plain(([127, 0, 0, 1], 5672).into()));
//! config.users.push(User {
//!     name: topology::AGENT_USER.into(),
//!     password: Password::parse("secret")?,
//!     permissions: topology::agent_permissions(),
//! });
//! let relay = Relay::start(config).await?;
//! println!("listening on {:?}", relay.addresses());
//! relay.shutdown().await
//! # }
//! ```

mod accounts;
mod admission;
mod alarms;
mod body_memory;
mod broker;
mod certificate_name;
mod channel;
mod clock;
mod codec;
mod config;
mod confirm;
mod connection;
mod error;
mod exception;
mod frame_guard;
pub mod fuzzing;
mod limits;
mod listener;
mod password;
mod permissions;
mod persistence;
mod queue;
mod relay;
mod report;
mod reread;
mod revocation;
mod roster;
mod routing;
mod shared;
mod stats;
mod tls;
pub mod topology;
mod vhost;

pub use config::{CertificateName, External, Grant, Listener, RelayConfig, User};
pub use error::RelayError;
pub use limits::Limits;
pub use password::Password;
pub use permissions::PermissionPatterns;
pub use relay::{Relay, RelayHandle};
pub use stats::Stats;
pub use tls::TlsFiles;
