//! Scheduler and API as programs of their own, as many as a site wants, on one
//! PostgreSQL database and one relay. They share nothing else: no directory, no
//! address of each other.
//!
//! `mig-server` is the same in one process; what both need is here.

#![forbid(unsafe_code)]

pub mod api;
pub mod database;
pub mod descriptors;
pub mod investigators;
mod life;
pub mod scheduler;
pub mod settings;
pub mod tls;

pub use life::StartError;
