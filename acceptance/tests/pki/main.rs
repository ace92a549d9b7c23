//! The scripts in `pki-scripts/`: what they make, and that openssl, rustls and
//! Erlang accept it.

mod authority;
mod erlang;
mod handshake;
mod interactive;
mod private;
mod refusals;
mod renewal;
mod requests;
mod revocation;
mod site;
