//! The HTTP interface for investigators: actions in, results out, in the
//! original's Collection+JSON.
//!
//! Requests pass four stations: the listener (TLS, limits, time-outs), the
//! endpoint table (who may come), the handler, and the answer's form. The HTTP
//! side never sees the database, only [`mig_store::Store`], and a client never
//! sees why the database failed, only the operation id under which the log says
//! so.

#![forbid(unsafe_code)]

mod auth;
mod collection;
mod config;
mod endpoints;
mod error;
mod form;
mod handlers;
mod heartbeats;
mod http;
mod start;
mod state;

pub use config::{ApiConfig, ClientAddress, ClientAddressError};
pub use endpoints::{Access, ENDPOINTS, Endpoint};
pub use start::{Api, ApiHandle, StartError};
