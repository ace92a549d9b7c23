//! The `netstat` module, in network namespaces that the test makes, with
//! interfaces, addresses, neighbours and sockets of its own.

mod everywhere;
mod inside;
mod odd;
mod refused;
mod stage;
