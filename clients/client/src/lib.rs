//! What every investigator's tool needs: configuration, signing, the API,
//! launching and following actions, and printing results through the modules'
//! own printers.

#![forbid(unsafe_code)]

pub mod collection;
pub mod configuration;
pub mod error;
pub mod follow;
pub mod http;
pub mod launch;
pub mod modules;
mod option_files;
pub mod results;
pub mod signer;
pub mod targets;
pub mod terminal;

pub use error::ClientError;
